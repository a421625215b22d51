import type { TensorLike } from '../../engine/run/feeds';
import type { Label } from './quality';

/** What the models are run on once. */
export interface Sample {
  /** By the first model's input names. */
  readonly feeds: Readonly<Record<string, TensorLike | null | undefined>>;
  /** The truth of each row of the output that is judged: a class, or the numbers it should have. */
  readonly labels?: readonly Label[];
}
