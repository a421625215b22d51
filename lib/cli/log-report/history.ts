import { meanInterval, wilsonInterval } from '../../watch/accuracy/interval';
import {
  classificationQuality,
  regressionQuality,
  type LabelledRow,
} from '../../watch/accuracy/live-quality';
import { DriftMonitor } from '../../watch/drift/drift-monitor';
import { unusualFeatures } from '../../watch/live/error-kinds';
import type { ReferenceProfile } from '../../watch/profile/reference-profile';
import type { ErrorHistory, ReportDocument, Span, SpanQuality, VersionHistory } from './document';
import type { LoggedRow } from './read';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Lengths of a span of time that people count in. */
const SPANS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 28].map((count) => count * DAY),
];
const MOST_SPANS = 60;

export function spanLength(from: number, to: number): number {
  const least = (to - from) / (MOST_SPANS - 1);
  return SPANS.find((length) => length >= least) ?? Math.ceil(least / (28 * DAY)) * 28 * DAY;
}

/** Latencies of a span; of more the quantiles are those of the first. */
const MOST_LATENCIES = 20_000;
/** Labelled rows of a version that its figures are made of. */
const MOST_LABELLED = 10_000;
const CONFIDENCE = 0.95;
/** Rows of a span that are compared with the profile. */
const DRIFT_WINDOW = 1000;

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

class SpanCounter {
  readonly #time: number;
  readonly #errors = new Map<string, number>();
  readonly #latencies: number[] = [];
  readonly #labelled = new Map<string, LabelledRow[]>();
  readonly #drift: DriftMonitor | undefined;
  #rows = 0;

  constructor(time: number, profile: ReferenceProfile | undefined, minRows: number) {
    this.#time = time;
    const window = Math.max(DRIFT_WINDOW, minRows);
    this.#drift = profile && new DriftMonitor(profile, { window, minRows });
  }

  add({ error, latencyMs, features, prediction }: LoggedRow): void {
    this.#rows++;
    if (error !== undefined) this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
    else this.#drift?.add(features, prediction);
    if (latencyMs !== undefined && this.#latencies.length < MOST_LATENCIES) {
      this.#latencies.push(latencyMs);
    }
  }

  label(version: string, row: LabelledRow): void {
    const rows = this.#labelled.get(version) ?? [];
    this.#labelled.set(version, rows);
    rows.push(row);
  }

  span(isRegression: boolean): Span {
    const sorted = this.#latencies.sort((a, b) => a - b);
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => quantile(sorted, share)) as [
      number,
      number,
      number,
    ];
    const drift = this.#drift?.report();
    const columns = drift
      ? [...drift.features, ...(drift.predictions ? [drift.predictions] : [])]
      : [];
    return {
      time: this.#time,
      rows: this.#rows,
      errors: Object.fromEntries(this.#errors),
      ...(sorted.length > 0 ? { latencyMs: { p50, p90, p99 } } : {}),
      quality: [...this.#labelled].map(([version, rows]) =>
        spanQuality(version, rows, isRegression),
      ),
      ...(drift
        ? {
            drift: Object.fromEntries(
              columns.map(({ name, stabilityIndex }) => [name, stabilityIndex]),
            ),
          }
        : {}),
    };
  }
}

function spanQuality(
  version: string,
  rows: readonly LabelledRow[],
  isRegression: boolean,
): SpanQuality {
  if (isRegression) {
    const errors = rows.map(({ prediction, label }) =>
      Math.abs(Number(prediction.value) - Number(label)),
    );
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const interval = meanInterval(errors, CONFIDENCE);
    return { version, rows: rows.length, meanAbsoluteError: mean, interval };
  }
  const hits = rows.filter(({ prediction, label }) => prediction.value === label).length;
  return {
    version,
    rows: rows.length,
    accuracy: hits / rows.length,
    interval: wilsonInterval(hits, rows.length, CONFIDENCE),
  };
}

interface Version {
  from: number;
  to: number;
  rows: number;
  errors: number;
  readonly labelled: LabelledRow[];
}

/** What the second reading of logs makes of their rows, whatever their order. */
export class History {
  readonly #from: number;
  readonly #length: number;
  readonly #profile: ReferenceProfile | undefined;
  readonly #minRows: number;
  readonly #labels: ReadonlyMap<string, number | string>;
  readonly #spans = new Map<number, SpanCounter>();
  readonly #versions = new Map<string, Version>();
  readonly #errors = new Map<string, ErrorHistory>();
  readonly #drift: DriftMonitor | undefined;
  #labelled = 0;
  #isFraction = false;

  constructor(
    { from, to }: { readonly from: number; readonly to: number },
    options: {
      readonly profile?: ReferenceProfile;
      readonly labels?: ReadonlyMap<string, number | string>;
      readonly minRows: number;
    },
  ) {
    const { profile, labels = new Map<string, number | string>(), minRows } = options;
    this.#length = spanLength(from, to);
    this.#from = Math.floor(from / this.#length) * this.#length;
    this.#profile = profile;
    this.#minRows = minRows;
    this.#labels = labels;
    this.#drift =
      profile && new DriftMonitor(profile, { window: Math.max(DRIFT_WINDOW, minRows), minRows });
  }

  add(row: LoggedRow): void {
    const index = Math.floor((row.time - this.#from) / this.#length);
    const span =
      this.#spans.get(index) ??
      new SpanCounter(this.#from + index * this.#length, this.#profile, this.#minRows);
    this.#spans.set(index, span);
    span.add(row);
    const version = this.#addVersion(row);
    if (row.error !== undefined) this.#addError(row, row.error);
    else this.#drift?.add(row.features, row.prediction);
    this.#join(row, version, span);
  }

  result(): Pick<
    ReportDocument,
    'labelled' | 'modelVersions' | 'errors' | 'spanMs' | 'spans' | 'drift'
  > {
    const measure = this.#isFraction ? regressionQuality : classificationQuality;
    const versions = [...this.#versions].map(([version, item]): VersionHistory => {
      const { labelled, ...about } = item;
      const quality = labelled.length > 0 ? { quality: measure(labelled, CONFIDENCE) } : {};
      return { version, ...about, ...quality };
    });
    const drift = this.#drift?.report();
    const places = [...this.#spans.keys()].sort((a, b) => a - b);
    return {
      labelled: this.#labelled,
      modelVersions: versions.sort((a, b) => a.from - b.from),
      errors: [...this.#errors.values()].sort((a, b) => b.count - a.count),
      spanMs: this.#length,
      spans: places.flatMap((place) => this.#spans.get(place)?.span(this.#isFraction) ?? []),
      ...(drift ? { drift } : {}),
    };
  }

  #addVersion({ version, time, error }: LoggedRow): Version {
    const known = this.#versions.get(version);
    const item = known ?? { from: time, to: time, rows: 0, errors: 0, labelled: [] };
    if (!known) this.#versions.set(version, item);
    item.from = Math.min(item.from, time);
    item.to = Math.max(item.to, time);
    item.rows++;
    if (error !== undefined) item.errors++;
    return item;
  }

  #addError(row: LoggedRow, kind: string): void {
    const { time, requestId, version, features } = row;
    const before = this.#errors.get(kind);
    const latest =
      before !== undefined && time < before.lastSeen
        ? before
        : {
            example: { version, features, ...(requestId === undefined ? {} : { requestId }) },
            ...(this.#profile ? { unusual: unusualFeatures(features, this.#profile) } : {}),
          };
    this.#errors.set(kind, {
      ...latest,
      kind,
      count: (before?.count ?? 0) + 1,
      firstSeen: Math.min(before?.firstSeen ?? time, time),
      lastSeen: Math.max(before?.lastSeen ?? time, time),
    });
  }

  #join(
    { requestId, prediction, scores, version: name }: LoggedRow,
    version: Version,
    span: SpanCounter,
  ): void {
    if (requestId === undefined || prediction === undefined) return;
    const label = this.#labels.get(requestId);
    if (label === undefined) return;
    this.#labelled++;
    // Fractions are no classes.
    if (typeof prediction === 'number' && !Number.isInteger(prediction)) this.#isFraction = true;
    const row = { prediction: { value: prediction, ...(scores ? { scores } : {}) }, label };
    span.label(name, row);
    version.labelled.push(row);
    // In one go now and then: to shift an array at each row would cost its length.
    if (version.labelled.length >= 2 * MOST_LABELLED) {
      version.labelled.splice(0, version.labelled.length - MOST_LABELLED);
    }
  }
}
