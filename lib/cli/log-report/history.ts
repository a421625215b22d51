import { momentsInterval, wilsonInterval } from '../../watch/accuracy/interval';
import {
  classificationQuality,
  regressionQuality,
  type LabelledRow,
} from '../../watch/accuracy/live-quality';
import { DriftMonitor } from '../../watch/drift/drift-monitor';
import { unusualFeatures } from '../../watch/live/error-kinds';
import type { ReferenceProfile } from '../../watch/profile/reference-profile';
import { uniform, type Drawn } from '../../watch/sample/uniform';
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

/** A quantile of values in their order, each of which counts as often as its weight says. */
function quantile(sorted: readonly (readonly [value: number, weight: number])[], share: number) {
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  let below = 0;
  for (const [value, weight] of sorted) {
    below += weight;
    if (below > share * total) return value;
  }
  return sorted.at(-1)?.[0] ?? NaN;
}

/** How right the labelled rows of one version are, without the rows. */
class Rightness {
  #rows = 0;
  #weight = 0;
  #squares = 0;
  #hits = 0;
  #mean = 0;
  #deviations = 0;

  add({ prediction, label }: LabelledRow, weight: number): void {
    this.#rows++;
    this.#weight += weight;
    this.#squares += weight * weight;
    if (prediction.value === label) this.#hits += weight;
    // West, Updating mean and variance estimates: an improved method, 1979.
    const error = Math.abs(Number(prediction.value) - Number(label));
    const distance = error - this.#mean;
    this.#mean += (distance * weight) / this.#weight;
    this.#deviations += weight * distance * (error - this.#mean);
  }

  quality(version: string, isRegression: boolean): SpanQuality {
    // As many rows of one weight say as much (Kish, Survey sampling, 1965).
    const rows = this.#weight ** 2 / this.#squares;
    if (isRegression) {
      const variance = (this.#deviations / this.#weight) * (rows / (rows - 1));
      const interval = momentsInterval({ rows, mean: this.#mean, variance }, CONFIDENCE);
      return { version, rows: this.#rows, meanAbsoluteError: this.#mean, interval };
    }
    const accuracy = this.#hits / this.#weight;
    const interval = wilsonInterval(accuracy * rows, rows, CONFIDENCE);
    return { version, rows: this.#rows, accuracy, interval };
  }
}

class SpanCounter {
  readonly #time: number;
  readonly #errors = new Map<string, number>();
  readonly #latencies: [value: number, weight: number][] = [];
  readonly #labelled = new Map<string, Rightness>();
  readonly #drift: DriftMonitor | undefined;
  #rows = 0;

  constructor(time: number, profile: ReferenceProfile | undefined, minRows: number) {
    this.#time = time;
    const window = Math.max(DRIFT_WINDOW, minRows);
    this.#drift = profile && new DriftMonitor(profile, { window, minRows });
  }

  add({ error, latencyMs, features, prediction, weight }: LoggedRow): void {
    this.#rows += weight;
    if (error !== undefined) this.#errors.set(error, (this.#errors.get(error) ?? 0) + weight);
    else this.#drift?.add(features, prediction, weight);
    if (latencyMs !== undefined && this.#latencies.length < MOST_LATENCIES) {
      this.#latencies.push([latencyMs, weight]);
    }
  }

  label(version: string, row: LabelledRow, weight: number): void {
    const rightness = this.#labelled.get(version) ?? new Rightness();
    this.#labelled.set(version, rightness);
    rightness.add(row, weight);
  }

  span(isRegression: boolean): Span {
    const sorted = this.#latencies.sort(([a], [b]) => a - b);
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
      quality: [...this.#labelled].map(([version, rightness]) =>
        rightness.quality(version, isRegression),
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

/** One of a sample. */
interface LabelledDraw extends LabelledRow, Drawn {}

interface Version {
  from: number;
  to: number;
  rows: number;
  errors: number;
  readonly labelled: LabelledDraw[];
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
    else this.#drift?.add(row.features, row.prediction, row.weight);
    this.#join(row, version, span);
  }

  result(): Pick<
    ReportDocument,
    'labelled' | 'modelVersions' | 'errors' | 'spanMs' | 'spans' | 'drift'
  > {
    const measure = this.#isFraction ? regressionQuality : classificationQuality;
    const versions = [...this.#versions].map(([version, item]): VersionHistory => {
      const { labelled, ...about } = item;
      const quality =
        labelled.length > 0 ? { quality: measure(uniform(labelled), CONFIDENCE) } : {};
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

  #addVersion({ version, time, error, weight }: LoggedRow): Version {
    const known = this.#versions.get(version);
    const item = known ?? { from: time, to: time, rows: 0, errors: 0, labelled: [] };
    if (!known) this.#versions.set(version, item);
    item.from = Math.min(item.from, time);
    item.to = Math.max(item.to, time);
    item.rows += weight;
    if (error !== undefined) item.errors += weight;
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
      count: (before?.count ?? 0) + row.weight,
      firstSeen: Math.min(before?.firstSeen ?? time, time),
      lastSeen: Math.max(before?.lastSeen ?? time, time),
    });
  }

  #join(
    { requestId, prediction, scores, version: name, weight }: LoggedRow,
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
    span.label(name, row, weight);
    version.labelled.push({ ...row, weight, draw: Math.random() });
    // In one go now and then: to shift an array at each row would cost its length.
    if (version.labelled.length >= 2 * MOST_LABELLED) {
      version.labelled.splice(0, version.labelled.length - MOST_LABELLED);
    }
  }
}
