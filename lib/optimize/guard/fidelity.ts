import { OnliteError } from '../../errors';
import type { ModelComparison } from '../compare/compare-models';

/** How good a model is, as far as a comparison with the float model says. */
export interface Fidelity {
  /** The worst output's, in dB. */
  readonly sqnr: number;
  /** Share of rows of the first scores whose greatest class is the float model's. */
  readonly agreement?: number;
  /** By the labels, of the float model and of this one. */
  readonly accuracy?: readonly [reference: number, candidate: number];
}

/**
 * @param random - outputs that are not the same from run to run, and say nothing
 * @throws OnliteError ERR_UNSUPPORTED where all are.
 */
export function fidelityOf(
  { candidates, quality }: ModelComparison,
  random: readonly string[],
): Fidelity {
  const all = candidates[0]?.outputs ?? [];
  const outputs = all.filter(({ name }) => !random.includes(name));
  if (outputs.length === 0) {
    const message = 'outputs: all of them are random, and say nothing of a model';
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const sqnr = Math.min(...outputs.map(({ difference }) => difference.sqnr));
  const agreement = outputs.find((output) => output.agreement)?.agreement?.top1;
  const [reference, candidate] = (quality ?? []).map((found) =>
    found.kind === 'classification' ? found.accuracy : undefined,
  );
  return {
    sqnr,
    ...(agreement === undefined ? {} : { agreement }),
    ...(reference === undefined || candidate === undefined
      ? {}
      : { accuracy: [reference, candidate] }),
  };
}
