import { invalidArgument } from '../../errors';
import { openBinOf, type ColumnProfile } from '../profile/column-profile';
import type { ReferenceProfile } from '../profile/reference-profile';
import type { FeatureTable } from '../rows/feature-reader';
import type { FeatureValue, Row } from '../rows/row';
import { uniform, type Drawn } from '../sample/uniform';
import {
  columnDrift,
  isMethodFor,
  requireMethod,
  type ColumnDrift,
  type DriftMethod,
} from './column-drift';
import { populationStabilityIndex } from './distances';

export interface DriftOptions {
  /** The last rows that are compared with the reference. Default 1000. */
  readonly window?: number;
  /** Fewer are not compared. Default 100. */
  readonly minRows?: number;
  /** By the feature's name, or for all that it compares. Default: evidently's choice. */
  readonly method?: DriftMethod | Readonly<Record<string, DriftMethod>>;
  /** By the feature's name, or for all. Default: the method's own. */
  readonly threshold?: number | Readonly<Record<string, number>>;
}

/** How a feature's current values are, beside the reference's. */
export interface FeatureDrift extends ColumnDrift {
  readonly name: string;
  /** Share of the window's numbers outside the reference's extremes, or of categories unknown to it. */
  readonly outOfRange: number;
  /** The stability index over the reference's fixed bins, which replicas can add up. */
  readonly stabilityIndex: number;
}

export interface DriftReport {
  /** Rows of the window that are compared: of a sample those that are as probable as each other. */
  readonly rows: number;
  /** Of each feature of which there are values, in the reference as well as in the window. */
  readonly features: readonly FeatureDrift[];
  /** Of the predictions, where the profile has them. */
  readonly predictions?: FeatureDrift;
  /** Share of the features that have drifted. */
  readonly driftedShare: number;
}

/** How many of all values so far fell into each of the reference's bins; of a sample, as many as they stand for. */
export interface BinCounts {
  readonly name: string;
  /** What the bins are called: upper edges, or categories; the last is for all else. */
  readonly bins: readonly string[];
  readonly counts: readonly number[];
  /** The reference's shares of the same bins. */
  readonly reference: readonly number[];
}

/** Categories beyond these share a bin. */
const MOST_BINS = 20;

/** What the rows of a window stand for. */
class Draws {
  readonly size: number;
  readonly #rows: Drawn[] = [];
  #next = 0;
  #weight = 1;
  #areEqual = true;
  #places: readonly number[] | undefined;

  constructor(size: number) {
    this.size = size;
  }

  add(weight: number): void {
    if (this.#rows.length === 0) this.#weight = weight;
    // Where all are of one weight, which most are for good, there is nothing to look at.
    if (weight !== this.#weight) this.#areEqual = false;
    this.#rows[this.#next] = { weight, draw: Math.random() };
    this.#next = (this.#next + 1) % this.size;
    this.#places = undefined;
  }

  /** How many rows are compared. */
  get rows(): number {
    return this.places?.length ?? this.#rows.length;
  }

  /** Where the rows are that are as probable as each other; undefined for everywhere. */
  get places(): readonly number[] | undefined {
    if (this.#areEqual) return undefined;
    this.#places ??= uniform(this.#rows.map((row, place) => ({ ...row, place }))).map(
      ({ place }) => place,
    );
    return this.#places;
  }
}

/** The window of one column, and its counts. */
class Column {
  readonly profile: ColumnProfile;
  readonly #window: FeatureValue[] = [];
  readonly #draws: Draws;
  readonly #size: number;
  readonly #bins: readonly string[];
  readonly #counts: number[];
  readonly #reference: readonly number[];
  readonly #known: ReadonlySet<string>;
  readonly #places: ReadonlyMap<string, number>;
  #next = 0;

  constructor(profile: ColumnProfile, draws: Draws) {
    this.profile = profile;
    this.#draws = draws;
    this.#size = draws.size;
    const { numbers, categories = [] } = profile;
    this.#known = new Set(categories.map(([value]) => value));
    const named = categories.slice(0, MOST_BINS);
    this.#places = new Map(named.map(([value], index) => [value, index]));
    this.#bins = numbers
      ? [...numbers.edges.map(String), '+Inf']
      : [...named.map(([value]) => value), 'other'];
    const all = numbers?.counts ?? [
      ...named.map(([, count]) => count),
      categories.slice(MOST_BINS).reduce((sum, [, count]) => sum + count, 0),
    ];
    const total = all.reduce((sum, count) => sum + count, 0);
    this.#reference = all.map((count) => count / total);
    this.#counts = new Array<number>(this.#bins.length).fill(0);
  }

  get counts(): BinCounts {
    const { name } = this.profile;
    return { name, bins: this.#bins, counts: [...this.#counts], reference: this.#reference };
  }

  /** One that the draws have been told of as well. */
  add(value: FeatureValue, weight: number): void {
    this.#window[this.#next] = value;
    this.#next = (this.#next + 1) % this.#size;
    const bin = this.#binOf(value);
    if (bin >= 0) this.#counts[bin] = (this.#counts[bin] ?? 0) + weight;
  }

  /** The window, or those of it that are as probable as each other. */
  get #current(): readonly FeatureValue[] {
    return this.#draws.places?.map((place) => this.#window[place] ?? null) ?? this.#window;
  }

  /** −1 for what is missing. */
  #binOf(value: FeatureValue): number {
    if (value === null) return -1;
    if (!this.profile.numbers) return this.#places.get(String(value)) ?? this.#bins.length - 1;
    if (typeof value !== 'number' || !Number.isFinite(value)) return -1;
    return openBinOf(value, this.profile.numbers.edges);
  }

  drift(method: DriftMethod | undefined, threshold: number | undefined): FeatureDrift {
    const { name, kind, sample, rows, missing } = this.profile;
    const drift = columnDrift(sample, this.#values(), {
      kind,
      ...(method === undefined ? {} : { method }),
      ...(threshold === undefined ? {} : { threshold }),
    });
    return {
      name,
      ...drift,
      // The sample has none that are missing.
      missingInReference: missing / rows,
      outOfRange: this.#outOfRange(),
      stabilityIndex: this.#stabilityIndex(),
    };
  }

  #values(): FeatureValue[] {
    if (this.profile.numbers)
      return this.#current.map((value) => (typeof value === 'number' ? value : null));
    return this.#current.map((value) => (value === null ? null : String(value)));
  }

  #outOfRange(): number {
    const { numbers } = this.profile;
    const isOut = (value: FeatureValue): boolean => {
      if (value === null) return false;
      if (!numbers) return !this.#known.has(String(value));
      return typeof value !== 'number' || value < numbers.min || value > numbers.max;
    };
    const current = this.#current;
    return current.filter(isOut).length / current.length;
  }

  #stabilityIndex(): number {
    const bins = this.#current.map((value) => this.#binOf(value)).filter((bin) => bin >= 0);
    const shares = new Float64Array(this.#bins.length);
    for (const bin of bins) shares[bin] = (shares[bin] ?? 0) + 1 / bins.length;
    return populationStabilityIndex(Float64Array.from(this.#reference), shares);
  }

  /** Whether there is nothing to compare, or nothing to compare it with. */
  get isEmpty(): boolean {
    if (this.profile.sample.length === 0) return true;
    return this.#values().every(
      (value) => value === null || (typeof value === 'number' && !Number.isFinite(value)),
    );
  }
}

function pick<Value>(
  option: Value | Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  if (typeof option !== 'object' || option === null) return option;
  const byName = option as Readonly<Record<string, Value>>;
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}

/** What would be found out when somebody asks is found out at the beginning. */
function requireOptions(
  { method, threshold }: DriftOptions,
  columns: readonly ColumnProfile[],
): void {
  for (const [option, values] of Object.entries({ method, threshold })) {
    if (typeof values !== 'object') continue;
    const names = columns.map(({ name }) => name);
    const unknown = Object.keys(values).find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw invalidArgument(`drift.${option}`, "names of the profile's features", unknown);
    }
  }
  if (typeof method === 'string') {
    const kind = columns.find((column) => column.kind === 'numerical')?.kind ?? 'categorical';
    requireMethod(method, kind, 'drift.method');
  }
  for (const { name, kind } of columns) {
    const [chosen, least] = [pick(method, name), pick(threshold, name)];
    if (chosen !== undefined && typeof method !== 'string') {
      requireMethod(chosen, kind, `drift.method.${name}`);
    }
    if (least !== undefined && !(least >= 0)) {
      throw invalidArgument(
        typeof threshold === 'object' ? `drift.threshold.${name}` : 'drift.threshold',
        'a number from 0 on',
        least,
      );
    }
  }
}

/**
 * Compares the last rows with a reference profile, feature by feature. Adding a row costs a place in
 * the window and a count for each feature; comparing is done when somebody asks.
 */
export class DriftMonitor {
  readonly #options: DriftOptions;
  readonly #minRows: number;
  readonly #columns: readonly Column[];
  readonly #predictions: Column | null;
  readonly #draws: Draws;
  readonly #predicted: Draws;
  /** Where the columns' features are in a table of such names. */
  #names: readonly string[] | undefined;
  #places: readonly number[] = [];
  #rows = 0;

  constructor(profile: ReferenceProfile, options: DriftOptions = {}) {
    const { window = 1000, minRows = Math.min(100, window) } = options;
    if (!Number.isSafeInteger(window) || window < 1 || window > 1e6) {
      throw invalidArgument('drift.window', 'a whole number from 1 to 1,000,000', window);
    }
    if (!(minRows >= 1 && minRows <= window)) {
      throw invalidArgument('drift.minRows', `a number from 1 to the window's ${window}`, minRows);
    }
    const columns = [...profile.features, ...(profile.predictions ? [profile.predictions] : [])];
    requireOptions(options, columns);
    this.#options = options;
    this.#minRows = minRows;
    this.#draws = new Draws(window);
    this.#columns = profile.features.map((column) => new Column(column, this.#draws));
    this.#predicted = new Draws(window);
    this.#predictions = profile.predictions
      ? new Column(profile.predictions, this.#predicted)
      : null;
  }

  /** @param weight - how many rows it stands for, where it is one of a sample */
  add(row: Row, prediction?: number | string, weight = 1): void {
    for (const column of this.#columns) {
      const { name } = column.profile;
      column.add((Object.hasOwn(row, name) ? row[name] : null) ?? null, weight);
    }
    this.#added(prediction, weight);
  }

  /** The same of a row of a table. @internal */
  addOf(table: FeatureTable, row: number, prediction?: number | string, weight = 1): void {
    const { names, values } = table;
    if (names !== this.#names) {
      const places = new Map(names.map((name, index) => [name, index]));
      this.#places = this.#columns.map(({ profile: { name } }) => places.get(name) ?? -1);
      this.#names = names;
    }
    const from = row * names.length;
    for (let index = 0; index < this.#columns.length; index++) {
      const place = this.#places[index] ?? -1;
      this.#columns[index]?.add(place < 0 ? null : (values[from + place] ?? null), weight);
    }
    this.#added(prediction, weight);
  }

  #added(prediction: number | string | undefined, weight: number): void {
    this.#draws.add(weight);
    if (prediction !== undefined) {
      this.#predicted.add(weight);
      this.#predictions?.add(prediction, weight);
    }
    this.#rows++;
  }

  /** Of all rows since the start. */
  get counts(): readonly BinCounts[] {
    const all = this.#predictions ? [...this.#columns, this.#predictions] : this.#columns;
    return all.map(({ counts }) => counts);
  }

  /** Null while there are too few rows. */
  report(): DriftReport | null {
    return this.#hasEnough
      ? this.#summed(this.#columns.map((column) => this.#drift(column)))
      : null;
  }

  /** The same; other work is done between the features. */
  async reportInTurns(): Promise<DriftReport | null> {
    if (!this.#hasEnough) return null;
    const features: (FeatureDrift | null)[] = [];
    for (const column of this.#columns) {
      features.push(this.#drift(column));
      await new Promise(setImmediate);
    }
    return this.#summed(features);
  }

  get #hasEnough(): boolean {
    return Math.min(this.#rows, this.#draws.rows) >= this.#minRows;
  }

  #summed(all: readonly (FeatureDrift | null)[]): DriftReport {
    const { rows } = this.#draws;
    const features = all.filter((feature) => feature !== null);
    const predictions = this.#predictions && this.#drift(this.#predictions);
    const drifted = features.filter((feature) => feature.drifted).length;
    return {
      rows,
      features,
      ...(predictions ? { predictions } : {}),
      driftedShare: features.length === 0 ? 0 : drifted / features.length,
    };
  }

  /** Null where there is nothing to compare. */
  #drift(column: Column): FeatureDrift | null {
    if (column.isEmpty) return null;
    const { name, kind } = column.profile;
    const method = pick(this.#options.method, name);
    const isUsed = method !== undefined && isMethodFor(method, kind);
    return column.drift(isUsed ? method : undefined, pick(this.#options.threshold, name));
  }
}
