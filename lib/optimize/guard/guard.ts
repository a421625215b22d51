import type { SessionOptions } from '../../engine/session/session-options';
import { modelByteLength } from './byte-length';
import type { Fidelity } from './fidelity';
import { measureSpeedup, type Speedup } from './speedup';
import type { Yardstick } from './yardstick';

/** What must hold for a changed model to be worth having. */
export interface GuardLimits {
  /** Signal to noise ratio of the worst output, in dB. Default 20 where there are no labels. */
  readonly minSqnr?: number;
  /** How much lower the accuracy by labels may be, as a share. Default 0.01. */
  readonly maxAccuracyLoss?: number;
  /** The original model's time divided by the changed one's. Default 1, but not for sizes. */
  readonly minSpeedup?: number;
}

/** How models are measured, and against which. */
export interface Measuring {
  /** The original model's file. */
  readonly reference: string;
  /** By samples that the changed model was not made by. */
  readonly yardstick: Yardstick;
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
}

/** The limits that a model is judged by. */
export interface Judging extends GuardLimits {
  readonly minSpeedup: number;
  /**
   * Takes for the speed-up the best that its interval leaves open, not its median: for changes that
   * are not made for speed, which are not to be refused by noise.
   */
  readonly givesBenefitOfDoubt?: boolean;
}

/** What was measured of a changed model beside the original, and what is to be said of it. */
export interface Guarded {
  readonly fidelity: Fidelity;
  readonly speedup: Speedup;
  /** The file's, and that of external data. */
  readonly bytes: number;
  /** The limits that do not hold, in words; none for a model that is worth having. */
  readonly refused: readonly string[];
}

const DEFAULT_SQNR = 20;
const DEFAULT_LOSS = 0.01;

const decibels = (value: number): string => `${value.toFixed(1)} dB`;
const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;

/** The limits on fidelity that do not hold, in words. */
export function fidelityFaults(
  { sqnr, accuracy }: Fidelity,
  { minSqnr, maxAccuracyLoss }: GuardLimits,
): string[] {
  const faults: string[] = [];
  const leastSqnr = minSqnr ?? (accuracy ? undefined : DEFAULT_SQNR);
  if (leastSqnr !== undefined && !(sqnr >= leastSqnr)) {
    faults.push(`SQNR ${decibels(sqnr)}, at least ${decibels(leastSqnr)} was wanted`);
  }
  if (accuracy) {
    const most = maxAccuracyLoss ?? DEFAULT_LOSS;
    const loss = accuracy[0] - accuracy[1];
    // Accuracies are shares of a count: their difference is not to fail by its last bit.
    if (!(loss <= most + 1e-12)) {
      faults.push(`accuracy ${percent(loss)} lower, at most ${percent(most)} was allowed`);
    }
  }
  return faults;
}

/** What corrected biases may gain, at most about. */
const GAIN = { sqnr: 6, accuracy: 0.05 } as const;

/** Whether a model that does not hold the limits may do so once its biases are corrected. */
export function isNearLimits(fidelity: Fidelity, limits: GuardLimits): boolean {
  const { minSqnr, maxAccuracyLoss = DEFAULT_LOSS } = limits;
  const leastSqnr = minSqnr ?? (fidelity.accuracy ? -Infinity : DEFAULT_SQNR);
  const wider = {
    minSqnr: leastSqnr - GAIN.sqnr,
    maxAccuracyLoss: maxAccuracyLoss + GAIN.accuracy,
  };
  return fidelityFaults(fidelity, wider).length === 0;
}

/** The limit on speed in words, if it does not hold. */
export function speedFaults(
  { ratio, interval: [, high] }: Speedup,
  { minSpeedup, givesBenefitOfDoubt = false }: Judging,
): string[] {
  if ((givesBenefitOfDoubt ? Math.max(ratio, high) : ratio) >= minSpeedup) return [];
  return [`${ratio.toFixed(2)} × the original's speed, ${minSpeedup} × was wanted`];
}

/** Measures a model beside the original on held-out samples and judges it. */
export async function guard(
  file: string,
  measuring: Measuring,
  judging: Judging,
): Promise<Guarded> {
  const { reference, yardstick, ...options } = measuring;
  const fidelity = await yardstick.fidelity(file);
  const samples = await yardstick.samples();
  const { minSpeedup: limit } = judging;
  const speedup = await measureSpeedup([reference, file], samples, { ...options, limit });
  const refused = [...fidelityFaults(fidelity, judging), ...speedFaults(speedup, judging)];
  return { fidelity, speedup, bytes: await modelByteLength(file), refused };
}
