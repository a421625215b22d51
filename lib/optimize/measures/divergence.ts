import { invalidArgument } from '../../errors';
import { requireSameLength } from './difference';

/** What a row of scores is: logits, or probabilities that a softmax has made of them. */
export type ScoreKind = 'logits' | 'probabilities';

export interface DivergenceOptions {
  /** Divides the logits before the softmax; above 1 it softens the distributions. Default 1. */
  readonly temperature?: number;
  /** Default `logits`. */
  readonly teacher?: ScoreKind;
  readonly student?: ScoreKind;
}

/** A quantised softmax gives 0 where a real one never does; Keras takes the same least value. */
const LEAST_PROBABILITY = 1e-7;
/** The steps of a quantised softmax, 1/256 each, add up to more than rounding. */
const SUM_TOLERANCE = 0.05;

/** What a row looks like: probabilities are not negative and sum to 1. */
export function scoreKind(scores: ArrayLike<number>): ScoreKind {
  let sum = 0;
  for (const score of Array.from(scores)) {
    if (!(score >= 0)) return 'logits';
    sum += score;
  }
  return Math.abs(sum - 1) <= SUM_TOLERANCE ? 'probabilities' : 'logits';
}

/** Logarithms of the probabilities at a temperature, by a softmax that cannot overflow. */
function logProbabilities(
  scores: ArrayLike<number>,
  kind: ScoreKind,
  temperature: number,
): Float64Array {
  const logits = Float64Array.from(scores, (score) => {
    return (kind === 'logits' ? score : Math.log(Math.max(score, LEAST_PROBABILITY))) / temperature;
  });
  const most = logits.reduce((greatest, logit) => Math.max(greatest, logit), -Infinity);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - most), 0);
  return logits.map((logit) => logit - most - Math.log(sum));
}

/**
 * The Kullback-Leibler divergence D(teacher ‖ student) = Σ p · ln(p ∕ q) in nats, of two rows of
 * scores over the same classes, with p and q the softmax of the logits divided by the temperature
 * (Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015, eq. 1).
 * Probabilities are taken back to logits by their logarithm, those below 1e-7 as 1e-7.
 *
 * @throws OnliteError ERR_SHAPE_MISMATCH for unequal lengths, ERR_INVALID_ARGUMENT for a
 *   temperature that is not above 0.
 */
export function klDivergence(
  teacher: ArrayLike<number>,
  student: ArrayLike<number>,
  options: DivergenceOptions = {},
): number {
  const { temperature = 1 } = options;
  requireTemperature(temperature);
  requireSameLength(teacher, student);
  const p = logProbabilities(teacher, options.teacher ?? 'logits', temperature);
  const q = logProbabilities(student, options.student ?? 'logits', temperature);
  const sum = p.reduce((total, log, index) => total + Math.exp(log) * (log - (q[index] ?? NaN)), 0);
  // Rounding alone can make it negative.
  return Math.max(0, sum);
}

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function requireTemperature(temperature: unknown): void {
  if (typeof temperature === 'number' && temperature > 0 && temperature < Infinity) return;
  throw invalidArgument('temperature', 'a number above 0', temperature);
}
