import { requireSameLength } from './difference';

/** How often two models choose alike. */
export interface Agreement {
  /** Rows of scores that were compared. */
  readonly rows: number;
  /** Share of rows in which both have the same class first. */
  readonly top1: number;
  /** Share in which the reference's first class is among the candidate's five; of more than five. */
  readonly top5?: number;
}

/** The index of the greatest score, the first of equal ones; NaN counts as greatest, as in NumPy. */
export function topClass(scores: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < scores.length; index++) {
    if (precedes(scores, index, best)) best = index;
  }
  return best;
}

/** Whether class `a` comes before class `b`. */
function precedes(scores: ArrayLike<number>, a: number, b: number): boolean {
  const [first = NaN, second = NaN] = [scores[a], scores[b]];
  if (Number.isNaN(second)) return Number.isNaN(first) && a < b;
  return Number.isNaN(first) || first > second || (first === second && a < b);
}

/** The place of a class among the scores, from 0 on. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  let rank = 0;
  for (let index = 0; index < scores.length; index++) {
    if (index !== label && precedes(scores, index, label)) rank++;
  }
  return rank;
}

/** Counts rows of scores in which two models agree. */
export class AgreementCount {
  #rows = 0;
  #first = 0;
  #amongFive = 0;
  #classes = 0;

  /** @throws OnliteError ERR_SHAPE_MISMATCH for rows of unequal lengths. */
  add(reference: ArrayLike<number>, candidate: ArrayLike<number>): void {
    requireSameLength(reference, candidate);
    const rank = rankOf(candidate, topClass(reference));
    this.#rows++;
    this.#classes = reference.length;
    if (rank < 1) this.#first++;
    if (rank < 5) this.#amongFive++;
  }

  get result(): Agreement {
    return {
      rows: this.#rows,
      top1: this.#first / this.#rows,
      ...(this.#classes > 5 ? { top5: this.#amongFive / this.#rows } : {}),
    };
  }
}
