import type { BenchDocument } from './document';
import { compareMetrics, type Metric, type MetricComparison, type Verdict } from './metrics';
import type { MeasuredSetting, SettingResult } from './result';

/** One setting against the same one of an earlier result. */
export interface BaselineVerdict {
  readonly label: string;
  readonly key: string;
  /** By the metric that decides; `not-comparable` with the reasons. */
  readonly verdict: Verdict | 'not-comparable';
  readonly reasons: readonly string[];
  readonly metrics: Partial<Record<Metric, MetricComparison>>;
}

export interface BaselineComparison {
  readonly file: string;
  readonly date: string;
  readonly metric: Metric;
  readonly tolerance: number;
  /** What differs and may be the point of the comparison: versions. */
  readonly changes: readonly string[];
  readonly verdicts: readonly BaselineVerdict[];
}

const differs = (name: string, before: unknown, after: unknown): string[] =>
  before === after ? [] : [`${name}: ${String(before)} then, ${String(after)} now`];

/** What makes times of two machines incomparable. */
function machineReasons(
  before: BenchDocument['machine'],
  after: BenchDocument['machine'],
): string[] {
  return [
    ...differs('CPU', before.cpu.model, after.cpu.model),
    ...differs(
      'available processors',
      before.cpu.availableParallelism,
      after.cpu.availableParallelism,
    ),
    ...differs('architecture', before.arch, after.arch),
    ...differs('platform', before.platform, after.platform),
    ...differs('CPU quota', before.cgroup?.cpus, after.cgroup?.cpus),
  ];
}

function versionChanges(before: BenchDocument, after: BenchDocument): string[] {
  const names = ['onlite', 'node', 'onnxruntime', 'tflite'] as const;
  return names.flatMap((name) => differs(name, before.versions[name], after.versions[name]));
}

function settingReasons(before: SettingResult | undefined, after: MeasuredSetting): string[] {
  if (before === undefined) return ['the baseline has no such setting'];
  if (before.measured === undefined) return ['the baseline could not measure it'];
  const shapes = ({ inputs }: MeasuredSetting['measured']): string =>
    inputs.map(({ name, type, dims }) => `${name} ${type}[${dims.join(',')}]`).join(', ');
  return [
    ...(before.model.sha256 === after.model.sha256 ? [] : ['the model file is another (SHA-256)']),
    ...differs('inputs', shapes(before.measured), shapes(after.measured)),
  ];
}

/** A verdict for every setting that was measured now. */
export function compareWithBaseline(
  now: BenchDocument,
  baseline: BenchDocument,
  options: { readonly file: string; readonly metric: Metric; readonly tolerance: number },
): BaselineComparison {
  const { file, metric, tolerance } = options;
  const machine = machineReasons(baseline.machine, now.machine);
  const verdicts = now.settings.flatMap((setting): BaselineVerdict[] => {
    const { label, key, measured } = setting;
    if (measured === undefined) return [];
    const before = baseline.settings.find((other) => other.key === key);
    const reasons = [...machine, ...settingReasons(before, { ...setting, measured })];
    if (reasons.length > 0 || before?.measured === undefined) {
      return [{ label, key, verdict: 'not-comparable', reasons, metrics: {} }];
    }
    const metrics = compareMetrics(measured, before.measured, tolerance);
    const deciding = metrics[metric];
    if (deciding === undefined) {
      const reason = `a side has no ${metric}: all its runs failed`;
      return [{ label, key, verdict: 'not-comparable', reasons: [reason], metrics }];
    }
    return [{ label, key, verdict: deciding.verdict, reasons: [], metrics }];
  });
  const changes = versionChanges(baseline, now);
  return { file, date: baseline.date, metric, tolerance, changes, verdicts };
}
