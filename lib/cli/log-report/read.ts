import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { FeatureValue } from '../../watch/rows/row';
import { invalid } from '../feeds/files';
import { parquetLines } from './read-parquet';

/** A line of the log of predictions that onlite/watch writes. */
export interface LoggedRow {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly requestId?: string;
  readonly model: string;
  readonly version: string;
  readonly features: Readonly<Record<string, FeatureValue>>;
  readonly prediction?: number | string;
  readonly scores?: readonly number[];
  readonly latencyMs?: number;
  /** What the error is counted as. */
  readonly error?: string;
  /** How many rows it stands for. */
  readonly weight: number;
}

const isLog = (name: string): boolean => name.endsWith('.jsonl') || name.endsWith('.parquet');

/** What onlite/watch has renamed: the time and a number. */
const ROTATED = /(-\d{8}T\d{6}\.\d{3}Z-\d+)\.jsonl$/;

/** The logs' files: those of a folder that end in `.jsonl` or `.parquet`, in the order of their names. */
export async function logFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    try {
      if (!(await stat(path)).isDirectory()) files.push(path);
      else {
        const all = new Set(await readdir(path));
        // Of one that has become Parquet lines stay behind where the process was killed just then.
        const isDouble = (name: string): boolean =>
          ROTATED.test(name) && all.has(name.replace(ROTATED, '$1.parquet'));
        const names = [...all].filter((name) => isLog(name) && !isDouble(name)).sort();
        files.push(...names.map((name) => join(path, name)));
      }
    } catch (cause) {
      throw invalid(`cannot read '${path}'`, cause);
    }
  }
  if (files.length === 0) throw invalid(`${paths.join(', ')}: no .jsonl or .parquet files`);
  return files;
}

/** Of a longer line nothing is kept: none that onlite/watch writes is. */
const LONGEST_LINE = 8 << 20;

/** What stands for a line that is too long. */
const TOO_LONG = '…';

async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  let isTooLong = false;
  try {
    for await (const chunk of createReadStream(file, 'utf8')) {
      const [first = '', ...others] = String(chunk).split('\n');
      isTooLong ||= rest.length + first.length > LONGEST_LINE;
      rest = isTooLong ? TOO_LONG : rest + first;
      for (const line of others) {
        yield rest;
        rest = line;
        isTooLong = false;
      }
    }
  } catch (cause) {
    throw invalid(`cannot read '${file}'`, cause);
  }
  yield rest;
}

/**
 * What the lines of a file say, or the rows of one of Parquet; undefined for a line that says nothing, as the
 * last one may, or is longer than 8 MiB.
 */
export async function* jsonLines(file: string): AsyncGenerator {
  if (file.endsWith('.parquet')) {
    yield* parquetLines(file);
    return;
  }
  for await (const line of linesOf(file)) {
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    yield value;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isValue = (value: unknown): value is number | string =>
  isText(value) || typeof value === 'number';
const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'number');

/** A row of a log, as far as it has what a row has. */
export function loggedRow(value: unknown): LoggedRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const line = value as Partial<Record<keyof LoggedRow, unknown>>;
  const time = isText(line.time) ? Date.parse(line.time) : NaN;
  if (!Number.isFinite(time) || !isText(line.model)) return undefined;
  const features =
    typeof line.features === 'object' && line.features !== null
      ? (line.features as LoggedRow['features'])
      : {};
  return {
    time,
    model: line.model,
    version: isText(line.version) ? line.version : '1',
    features,
    weight: typeof line.weight === 'number' && line.weight >= 1 ? line.weight : 1,
    ...(isText(line.requestId) ? { requestId: line.requestId } : {}),
    ...(isValue(line.prediction) ? { prediction: line.prediction } : {}),
    ...(isNumbers(line.scores) ? { scores: line.scores } : {}),
    ...(typeof line.latencyMs === 'number' ? { latencyMs: line.latencyMs } : {}),
    ...(isText(line.error) ? { error: line.error } : {}),
  };
}

/**
 * Labels by request: lines of `{"requestId": …, "label": …}`, or the journal that onlite/watch keeps.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a file without any.
 */
export async function readLabelFile(file: string): Promise<Map<string, number | string>> {
  const labels = new Map<string, number | string>();
  for await (const value of jsonLines(file)) {
    const [id, label] = Array.isArray(value)
      ? [value[0] === 'l' ? (value[1] as unknown) : undefined, value[2] as unknown]
      : [
          (value as { requestId?: unknown } | undefined)?.requestId,
          (value as { label?: unknown } | undefined)?.label,
        ];
    if (isText(id) && isValue(label)) labels.set(id, label);
  }
  if (labels.size > 0) return labels;
  throw invalid(`--labels ${file}: no lines of {"requestId": …, "label": …}`);
}
