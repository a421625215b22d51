import type { DocumentHead } from '../document';
import {
  bold,
  byteSize,
  green,
  grouped,
  nanoseconds,
  red,
  section,
  table,
  yellow,
} from '../output';
import type { BaselineVerdict } from './baseline';
import type { BenchDocument } from './document';
import type { Metric, MetricComparison, Verdict } from './metrics';
import { PHASES } from './protocol';
import { isMeasured, type Measured, type MeasuredSetting, type PercentileFigure } from './result';

export const perSecond = (value: number): string =>
  value >= 100 ? grouped(Math.round(value)) : value.toPrecision(3);

const factor = (value: number): string => `${value.toFixed(value < 10 ? 3 : 1)} ×`;

/** A figure and, in words, the ends of its interval. */
export interface FigureParts {
  readonly value: string;
  readonly interval: string;
}

export function ratioParts({
  ratio,
  interval: [low, high],
}: Pick<MetricComparison, 'ratio' | 'interval'>): FigureParts {
  const upper = high === null ? '∞' : factor(high).slice(0, -2);
  return { value: factor(ratio), interval: `${factor(low).slice(0, -2)} – ${upper}` };
}

export function percentileParts({ value, low, high, note }: PercentileFigure): FigureParts {
  if (value === undefined) return { value: '—', interval: note ?? '' };
  if (low === undefined) return { value: nanoseconds(value), interval: '' };
  const upper = high === undefined ? '?' : nanoseconds(high);
  return { value: nanoseconds(value), interval: `${nanoseconds(low)} – ${upper}` };
}

const inLine = ({ value, interval }: FigureParts): string =>
  interval === '' ? value : `${value} (${interval})`;

const ratioText = (comparison: MetricComparison): string => inLine(ratioParts(comparison));
export const percentileText = (figure: PercentileFigure): string => inLine(percentileParts(figure));

export function errorsText(errors: Readonly<Record<string, number>>): string {
  return Object.entries(errors)
    .map(([code, count]) => `${grouped(count)} × ${code}`)
    .join(', ');
}

export function protocolText({ protocol }: Pick<BenchDocument, 'protocol'>): string {
  const { processes, blocks, total, warmUpMs } = protocol;
  const amount = 'seconds' in total ? `${total.seconds} s` : `${grouped(total.runs)} runs`;
  return (
    `${amount} a setting, in ${processes} processes of ${blocks} blocks, ` +
    `each after ${warmUpMs / 1000} s of warm-up`
  );
}

/** What was measured on, and with. */
export function machineFacts({
  machine,
  versions,
}: Pick<DocumentHead, 'machine' | 'versions'>): string[][] {
  const runtimes = [
    versions.onnxruntime === undefined ? '' : `ONNX Runtime ${versions.onnxruntime}`,
    versions.tflite === undefined ? '' : `TensorFlow Lite ${versions.tflite}`,
  ];
  return [
    ['machine', `${machine.cpu.model}, ${machine.cpu.availableParallelism} processors`],
    [
      'versions',
      [`onlite ${versions.onlite}`, `Node ${versions.node}`, ...runtimes]
        .filter(Boolean)
        .join(', '),
    ],
  ];
}

function settingFacts({ measured, setting }: MeasuredSetting): string[][] {
  const { engine, executionProviders, inputs, load, firstRun, memory, eventLoopDelay, cpu } =
    measured;
  const { throughput, errors, sessionConcurrency } = measured;
  const shapes = inputs.map(({ name, type, dims }) => `${name} ${type}[${dims.join(', ')}]`);
  const rows = [
    ['engine', `${engine}, ${executionProviders.join(', ')}`],
    ['inputs', shapes.join('; ')],
    [
      'load',
      `${nanoseconds(load.median)} to load, ${nanoseconds(firstRun.median)} for the first run`,
    ],
    ['runs', `${grouped(measured.latency.count)}, ${perSecond(throughput.runsPerSecond)}/s`],
    ['CPU', `${cpu.processors.toFixed(2)} processors busy, ${nanoseconds(cpu.perRunNs)} a run`],
    [
      'memory',
      `${byteSize(memory.peak)} at the peak; ${byteSize(memory.before)} before loading, ` +
        `${byteSize(memory.loaded)} after`,
    ],
  ];
  if (eventLoopDelay) {
    const { p50, p99, max } = eventLoopDelay;
    rows.push([
      'event loop',
      `delay p50 ${nanoseconds(p50)}, p99 ${nanoseconds(p99)}, max ${nanoseconds(max)}`,
    ]);
  }
  if (sessionConcurrency < setting.concurrency) {
    const at = `${sessionConcurrency} at once, ${setting.concurrency} in flight`;
    rows.push(['at once', at]);
  }
  if (Object.keys(errors).length > 0) rows.push(['failed', errorsText(errors)]);
  return rows;
}

function latencySection({ latency }: Measured): string {
  const rows = latency.percentiles.map((figure) => [
    `p${figure.percentile}`,
    percentileText(figure),
  ]);
  const { min, mean, max } = latency;
  rows.unshift(['min', nanoseconds(min)], ['mean', nanoseconds(mean)]);
  rows.push(['max', nanoseconds(max)]);
  return section('Latency, with 95 % intervals', rows);
}

function phaseSection({ phases }: Measured): string {
  const rows = PHASES.flatMap((phase) => {
    const figures = phases[phase];
    if (!figures) return [];
    return [[phase, nanoseconds(figures.p50), nanoseconds(figures.p99), nanoseconds(figures.mean)]];
  });
  return section('Phases', rows, { header: ['phase', 'p50', 'p99', 'mean'], right: [1, 2, 3] });
}

function operatorSection({ profile }: Measured): string {
  if (!profile) return '';
  if ('unavailable' in profile) return `\n${bold('Operators')}\n  ${profile.unavailable}\n`;
  const rows = [...profile.operators]
    .sort((a, b) => b.share - a.share)
    .slice(0, 10)
    .map(({ name, type, provider, share }) => [
      `${(share * 100).toFixed(1)} %`,
      type,
      provider ?? '',
      name,
    ]);
  return section('Operators, by share of the time', rows, { right: [0] });
}

function overview(settings: readonly MeasuredSetting[]): string {
  const rows = settings.map(({ label, measured }) => {
    const { latency, throughput, cpu, memory, load } = measured;
    const cells = latency.percentiles
      .filter(({ percentile }) => percentile !== 95)
      .map(({ value }) => (value === undefined ? '—' : nanoseconds(value)));
    return [
      label,
      ...cells,
      perSecond(throughput.runsPerSecond),
      cpu.processors.toFixed(2),
      byteSize(memory.peak),
      nanoseconds(load.median),
    ];
  });
  const header = ['setting', 'p50', 'p90', 'p99', 'p99.9', 'runs/s', 'CPUs', 'peak', 'load'];
  return section('Settings', rows, { header, right: [1, 2, 3, 4, 5, 6, 7, 8] });
}

export const VERDICTS: Readonly<Record<Verdict | 'not-comparable', string>> = {
  faster: 'faster',
  slower: 'slower',
  same: 'no change',
  unclear: 'within the noise',
  'not-comparable': 'not comparable',
};

function paint(verdict: BaselineVerdict['verdict']): string {
  const words = VERDICTS[verdict];
  if (verdict === 'slower') return red(words);
  if (verdict === 'faster') return green(words);
  return verdict === 'not-comparable' ? yellow(words) : words;
}

function metricCells(metrics: Partial<Record<Metric, MetricComparison>>): string[] {
  return (['p50', 'p99', 'throughput'] as const).map((metric) => {
    const comparison = metrics[metric];
    return comparison ? ratioText(comparison) : '—';
  });
}

function comparisonSection({ comparison }: BenchDocument): string {
  const [first] = comparison ?? [];
  if (!comparison || !first) return '';
  const rows = comparison.map(({ label, metrics }) => [
    label,
    ...metricCells(metrics),
    VERDICTS[metrics.p50?.verdict ?? 'unclear'],
  ]);
  const header = ['setting', 'p50', 'p99', 'throughput', 'by p50'];
  return section(`Compared with ${first.against}`, rows, { header, right: [1, 2, 3] });
}

function baselineSection({ baseline }: BenchDocument): string {
  if (!baseline) return '';
  const lines = baseline.verdicts.map(({ label, verdict, reasons, metrics }) => {
    const comparison = metrics[baseline.metric];
    const detail = comparison ? `${baseline.metric} ${ratioText(comparison)}` : reasons.join('; ');
    return [label, detail, paint(verdict)] as const;
  });
  // The verdict's colour has no width, so it comes last and outside the table.
  const plain = table(lines.map(([label, detail]) => [label, detail])).split('\n');
  const rows = lines.map(([, , verdict], index) => `${plain[index] ?? ''}  ${verdict}`);
  const notes = baseline.changes.map((change) => `  ${change}\n`);
  return [
    `\n${bold(`Against ${baseline.file}, ${baseline.date}`)}\n`,
    ...notes,
    rows.join('\n'),
    '\n',
  ].join('');
}

function failures({ settings }: BenchDocument): string {
  const rows = settings.flatMap(({ label, failed }) =>
    failed ? [[label, failed.code, failed.message.split('\n')[0] ?? '']] : [],
  );
  return section('Failed', rows);
}

/** @param histogram - lines for a setting; none where nobody looks at a terminal */
export function renderText(
  document: BenchDocument,
  histogram: (setting: MeasuredSetting) => readonly string[],
): string {
  const measured = document.settings.filter(isMeasured);
  const [only, second] = measured;
  const parts = [
    `${table(machineFacts(document), { indent: 0 })}\n`,
    `${protocolText(document)}\n`,
  ];
  if (second !== undefined) parts.push(overview(measured), comparisonSection(document));
  for (const setting of second === undefined && only ? [only] : []) {
    parts.push(
      section(setting.label, settingFacts(setting)),
      latencySection(setting.measured),
      phaseSection(setting.measured),
      operatorSection(setting.measured),
    );
  }
  for (const setting of measured) {
    const lines = histogram(setting);
    const title = second === undefined ? 'Distribution' : setting.label;
    if (lines.length > 0) parts.push(`\n${bold(title)}\n${lines.join('\n')}\n`);
    const { errors } = setting.measured;
    if (second !== undefined && Object.keys(errors).length > 0) {
      parts.push(`  ${setting.label}: failed runs: ${errorsText(errors)}\n`);
    }
  }
  parts.push(failures(document), baselineSection(document));
  return parts.join('');
}
