import { OnliteError } from '../../errors';
import type { DocumentHead } from '../document';
import type { BaselineComparison } from './baseline';
import type { Protocol } from './schedule';
import type { SettingResult } from './result';
import type { SideBySide } from './side-by-side';

/** What `--json` prints and `--baseline` reads. */
export interface BenchDocument extends DocumentHead<'onlite-bench'> {
  readonly protocol: Omit<Protocol, 'profileRuns'>;
  readonly settings: readonly SettingResult[];
  /** Every setting against the first one that was measured. */
  readonly comparison?: readonly SideBySide[];
  readonly baseline?: BaselineComparison;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isBlock(value: unknown): boolean {
  if (!isObject(value)) return false;
  const positive = (item: unknown): boolean => typeof item === 'number' && item > 0;
  return (
    typeof value['runs'] === 'number' &&
    positive(value['seconds']) &&
    ['p50', 'p99'].every((key) => value[key] === undefined || positive(value[key]))
  );
}

/** As much of a setting as a comparison reads. */
function isSetting(value: unknown): boolean {
  if (!isObject(value) || typeof value['key'] !== 'string' || !isObject(value['model']))
    return false;
  if (typeof value['model']['sha256'] !== 'string') return false;
  const { measured } = value;
  if (measured === undefined) return true;
  return (
    isObject(measured) &&
    Array.isArray(measured['inputs']) &&
    Array.isArray(measured['processes']) &&
    measured['processes'].every(
      (item: unknown) =>
        isObject(item) && Array.isArray(item['blocks']) && item['blocks'].every(isBlock),
    )
  );
}

/**
 * An earlier result, checked as far as a comparison reads it.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for anything that `onlite bench --json` did not print.
 */
export function parseDocument(text: string, file: string): BenchDocument {
  const invalid = (reason: string, cause?: unknown): OnliteError =>
    new OnliteError('ERR_INVALID_ARGUMENT', `--baseline ${file}: ${reason}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalid('not JSON', cause);
  }
  if (!isObject(value) || value['format'] !== 'onlite-bench') {
    throw invalid("expected what 'onlite bench --json' prints");
  }
  if (value['version'] !== 1) throw invalid('written by another version of onlite bench');
  const { settings, machine, versions } = value;
  const sound =
    Array.isArray(settings) &&
    settings.every(isSetting) &&
    isObject(machine) &&
    isObject(machine['cpu']) &&
    isObject(versions);
  if (!sound) throw invalid('damaged: not as onlite bench wrote it');
  return value as unknown as BenchDocument;
}
