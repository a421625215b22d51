import type { ModelComparison } from '../../optimize/compare/compare-models';
import { OnliteError } from '../../errors';
import type { LimitVerdict } from './document';
import type { Limit, Limits } from './options';
import type { Speed } from './speed';

interface Found {
  readonly comparison: ModelComparison;
  readonly speed: Speed | undefined;
}

function accuracyOf({ quality }: ModelComparison, model: number): number {
  const found = quality?.[model];
  if (found?.kind === 'classification') return found.accuracy;
  const reason = found ? 'the labels are no classes' : 'it needs --labels';
  throw new OnliteError('ERR_INVALID_ARGUMENT', `--min-accuracy: ${reason}`);
}

/** The number that a limit bounds, of a candidate (from 0, without the reference). */
const measures: Readonly<Record<Limit, (found: Found, candidate: number) => number | undefined>> = {
  'max-error': ({ comparison }, candidate) =>
    Math.max(...differences(comparison, candidate).map(({ maxError }) => maxError)),
  'min-sqnr': ({ comparison }, candidate) =>
    Math.min(...differences(comparison, candidate).map(({ sqnr }) => sqnr)),
  'min-accuracy': ({ comparison }, candidate) => accuracyOf(comparison, candidate + 1),
  'min-speedup': ({ speed }, candidate) => speed?.models[candidate + 1]?.speedup?.ratio,
};

const differences = ({ candidates }: ModelComparison, candidate: number) =>
  candidates[candidate]?.outputs.map(({ difference }) => difference) ?? [];

/**
 * Judges each candidate by each limit.
 *
 * @param labels - of all models, the reference first
 * @throws OnliteError ERR_INVALID_ARGUMENT for an accuracy without labels that are classes.
 */
export function judge(limits: Limits, found: Found, labels: readonly string[]): LimitVerdict[] {
  const names = Object.keys(limits) as Limit[];
  return names.flatMap((limit) =>
    labels.slice(1).map((model, candidate): LimitVerdict => {
      const bound = limits[limit] ?? NaN;
      const value = measures[limit](found, candidate);
      const holds =
        value !== undefined && (limit.startsWith('max') ? value <= bound : value >= bound);
      return { limit, bound, model, ...(value === undefined ? {} : { found: value }), holds };
    }),
  );
}
