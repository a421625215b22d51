import { readFile, writeFile } from 'node:fs/promises';

import { OnliteError, invalidArgument } from '../../errors';
import type { ColumnKind } from '../drift/column-drift';
import type { Row } from '../rows/row';
import { ColumnProfiler, type ColumnProfile, type NumberProfile } from './column-profile';

/** What a model's inputs, and what it says of them, are like where all is well. */
export interface ReferenceProfile {
  readonly format: 'onlite-profile';
  readonly version: 1;
  readonly rows: number;
  readonly features: readonly ColumnProfile[];
  /** Of what the model predicts; where it was run. */
  readonly predictions?: ColumnProfile;
}

export interface ProfileOptions {
  /** What features are taken for, by name. */
  readonly kinds?: Readonly<Record<string, ColumnKind>>;
  /** Of the draws of the samples. Default 1. */
  readonly seed?: number;
}

/** A feature that came later than row 1 would have been missing before it. */
function requireSameFeatures(names: readonly string[], row: Row, index: number): void {
  const found = Object.keys(row);
  const isSame = found.length === names.length && found.every((name, at) => name === names[at]);
  if (isSame) return;
  throw invalidArgument(`rows[${index}]`, `the features ${names.join(', ')}`, found.join(', '));
}

/** Makes a {@link ReferenceProfile} of rows that come one after the other. */
export class Profiler {
  readonly #options: ProfileOptions;
  readonly #seed: number;
  #columns: ColumnProfiler[] | null = null;
  #names: string[] = [];
  #predictions: ColumnProfiler | null = null;
  #rows = 0;

  constructor(options: ProfileOptions = {}) {
    this.#options = options;
    this.#seed = options.seed ?? 1;
  }

  /** @throws OnliteError ERR_INVALID_ARGUMENT for other features than those of the first row. */
  add(row: Row, prediction?: number | string): void {
    if (this.#columns === null) {
      this.#names = Object.keys(row);
      this.#columns = this.#names.map(
        (name, index) => new ColumnProfiler(name, this.#seed + index),
      );
    } else requireSameFeatures(this.#names, row, this.#rows);
    for (const [index, name] of this.#names.entries()) {
      this.#columns[index]?.add(row[name] ?? null);
    }
    if (prediction !== undefined) {
      this.#predictions ??= new ColumnProfiler('prediction', this.#seed - 1);
      this.#predictions.add(prediction);
    }
    this.#rows++;
  }

  /**
   * @param predictionKind - classes are categories, whatever they are written with
   * @throws OnliteError ERR_INVALID_ARGUMENT for no rows.
   */
  finish(predictionKind?: ColumnKind): ReferenceProfile {
    if (this.#columns === null) throw invalidArgument('rows', 'at least one row', []);
    const features = this.#columns.map((column, index) =>
      column.finish(this.#options.kinds?.[this.#names[index] ?? '']),
    );
    const predictions = this.#predictions?.finish(predictionKind);
    return {
      format: 'onlite-profile',
      version: 1,
      rows: this.#rows,
      features,
      ...(predictions ? { predictions } : {}),
    };
  }
}

const isListOf =
  (isItem: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(isItem);

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string';
const areNumbers = isListOf(Number.isFinite);
const areCounts = isListOf(isCount);
const areTexts = isListOf(isText);

const areCategories = isListOf(
  (value) => Array.isArray(value) && value.length === 2 && isText(value[0]) && isCount(value[1]),
);

function areAscending(edges: readonly number[]): boolean {
  return edges.every((edge, index) => index === 0 || edge > (edges[index - 1] ?? NaN));
}

function isNumberProfile(value: unknown): boolean {
  const { edges, counts } = (value ?? {}) as Partial<NumberProfile>;
  if (!areNumbers(edges) || !areCounts(counts)) return false;
  return areAscending(edges ?? []) && counts?.length === (edges?.length ?? 0) + 1;
}

/** What is compared with has the form that it is read by; other fields are for people. */
const isColumn = (value: unknown): value is ColumnProfile => {
  if (typeof value !== 'object' || value === null) return false;
  const { name, kind, rows, missing, sample, numbers, categories } =
    value as Partial<ColumnProfile>;
  if (!isText(name) || !isCount(rows) || !isCount(missing)) return false;
  if (kind === 'numerical') return areNumbers(sample) && isNumberProfile(numbers);
  return (
    kind === 'categorical' && numbers === undefined && areTexts(sample) && areCategories(categories)
  );
};

/** @throws OnliteError ERR_INVALID_ARGUMENT for what is no profile. */
export function requireProfile(value: unknown, path: string): ReferenceProfile {
  const profile = value as Partial<ReferenceProfile> | null;
  if (typeof profile !== 'object' || profile?.format !== 'onlite-profile') {
    throw invalidArgument(path, 'a profile that onlite has made', value);
  }
  if (profile.version !== 1) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `${path}: version ${String(profile.version)} of profiles is not known`,
    );
  }
  const { features, predictions } = profile;
  if (!Array.isArray(features)) throw invalidArgument(`${path}.features`, 'an array', features);
  for (const [index, column] of features.entries()) {
    if (!isColumn(column)) {
      throw invalidArgument(`${path}.features[${index}]`, 'a column of a profile', column);
    }
  }
  if (predictions !== undefined && !isColumn(predictions)) {
    throw invalidArgument(`${path}.predictions`, 'a column of a profile', predictions);
  }
  return profile as ReferenceProfile;
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for a file that cannot be read, or holds no profile. */
export async function readProfile(path: string): Promise<ReferenceProfile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const message = `${path}: cannot be read: ${(cause as Error).message}`;
    throw new OnliteError('ERR_INVALID_ARGUMENT', message, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: is not JSON`, { cause: error });
  }
  return requireProfile(value, path);
}

export async function writeProfile(path: string, profile: ReferenceProfile): Promise<void> {
  await writeFile(path, `${JSON.stringify(profile)}\n`);
}
