import type { SessionOptions } from '../../engine/session/session-options';
import type { Task } from '../compare/quality';
import type { Samples } from '../compare/sample';
import type { OperatorDecision } from './decision';
import { modelByteLength } from './workspace';
import { evaluate, measureSpeedup, type Fidelity, type Speedup } from './evaluate';

/** What must hold for a quantised model to be worth having. */
export interface QuantizeLimits {
  /** Signal to noise ratio of the worst output, in dB. Default 20 where there are no labels. */
  readonly minSqnr?: number;
  /** How much lower the accuracy by labels may be, as a share. Default 0.01. */
  readonly maxAccuracyLoss?: number;
  /** The float model's time divided by the quantised one's. Default 1, but not for sizes. */
  readonly minSpeedup?: number;
}

/** A quantised model that was tried. */
export interface QuantizeCandidate {
  /** How it was made, such as `static (percentile)`. */
  readonly name: string;
  readonly fidelity: Fidelity;
  readonly speedup: Speedup;
  /** The file's, and that of external data. */
  readonly bytes: number;
  readonly decisions: readonly OperatorDecision[];
  /** The limits that do not hold, in words; none for a model that is worth having. */
  readonly refused: readonly string[];
}

export interface Measuring {
  readonly float: string;
  readonly heldOut: () => Samples;
  readonly session?: SessionOptions;
  /** For values only: what makes this processor compute as the target's. */
  readonly exact?: SessionOptions;
  readonly output?: string;
  readonly task?: Task;
  readonly signal?: AbortSignal;
}

const DEFAULT_SQNR = 20;
const DEFAULT_LOSS = 0.01;

const decibels = (value: number): string => `${value.toFixed(1)} dB`;
const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;

/** The limits on fidelity that do not hold, in words. */
export function fidelityFaults(
  { sqnr, accuracy }: Fidelity,
  { minSqnr, maxAccuracyLoss }: QuantizeLimits,
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
    if (loss > most + 1e-12) {
      faults.push(`accuracy ${percent(loss)} lower, at most ${percent(most)} was allowed`);
    }
  }
  return faults;
}

export function measureFidelity(
  file: string,
  samples: Samples,
  { float, session, exact, output, task, signal }: Measuring,
): Promise<Fidelity> {
  return evaluate([float, file], samples, {
    session: { ...session, ...exact },
    ...(output === undefined ? {} : { output }),
    ...(task === undefined ? {} : { task }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Measures a candidate on held-out samples and judges it. */
export async function measureCandidate(
  made: {
    readonly name: string;
    readonly file: string;
    readonly decisions: readonly OperatorDecision[];
  },
  measuring: Measuring,
  limits: QuantizeLimits & { readonly minSpeedup: number },
): Promise<QuantizeCandidate> {
  const { name, file, decisions } = made;
  const fidelity = await measureFidelity(file, measuring.heldOut(), measuring);
  const { session, signal } = measuring;
  const models = [measuring.float, file] as const;
  const speedup = await measureSpeedup(models, measuring.heldOut(), session, signal);
  const refused = fidelityFaults(fidelity, limits);
  if (speedup.ratio < limits.minSpeedup) {
    const found = speedup.ratio.toFixed(2);
    refused.push(`${found} × the float model's speed, ${limits.minSpeedup} × was wanted`);
  }
  return { name, fidelity, speedup, bytes: modelByteLength(file), decisions, refused };
}
