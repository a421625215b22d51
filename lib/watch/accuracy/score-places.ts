import type { LabelledRow } from './live-quality';

type Class = number | string;

/** Which score is that of a class; undefined where it is not known. */
export type ScorePlace = (of: Class) => number | undefined;

const areAlike = (a: readonly Class[], b: readonly Class[]): boolean =>
  a === b || (a.length === b.length && a.every((each, index) => each === b[index]));

function greatest(scores: readonly number[]): number {
  return scores.reduce((best, score, index) => (score > (scores[best] ?? NaN) ? index : best), 0);
}

/** By class, the score that most of its predictions have as their greatest; undefined if two have one. */
function learned(rows: readonly LabelledRow[]): ReadonlyMap<Class, number> | undefined {
  const votes = new Map<Class, Map<number, number>>();
  for (const { prediction } of rows) {
    const { value, scores = [] } = prediction;
    const of = votes.get(value) ?? new Map<number, number>();
    votes.set(value, of);
    const place = greatest(scores);
    of.set(place, (of.get(place) ?? 0) + 1);
  }
  const places = new Map<Class, number>();
  for (const [value, of] of votes) {
    const [most] = [...of].sort((a, b) => b[1] - a[1]);
    if (most !== undefined) places.set(value, most[0]);
  }
  return new Set(places.values()).size === places.size ? places : undefined;
}

/**
 * Finds the score of each class: by what the predictions say that their scores are of; else a class of the
 * number i has score i, unless the predicted classes are other ones than those with the greatest scores: then
 * those that were predicted are known, and the last one that is left.
 */
export function scorePlaces(rows: readonly LabelledRow[], count: number): ScorePlace {
  const [first] = rows;
  const said = first?.prediction.classes;
  if (said !== undefined) {
    const areSame = rows.every(({ prediction }) => areAlike(prediction.classes ?? [], said));
    const places = new Map(said.map((each, index) => [each, index]));
    return (of) => (areSame ? places.get(of) : undefined);
  }
  const places = learned(rows);
  if (places === undefined) return () => undefined;
  const isNumbered = [...places].every(([value, place]) => value === place);
  const isOne = (of: Class): of is number =>
    typeof of === 'number' && Number.isInteger(of) && of >= 0 && of < count;
  if (isNumbered) return (of) => (isOne(of) ? of : undefined);
  const known = new Map(places);
  const others = new Set(rows.map(({ label }) => label).filter((label) => !known.has(label)));
  const taken = new Set(known.values());
  const free = Array.from({ length: count }, (_, place) => place).filter((at) => !taken.has(at));
  const [label, place] = [[...others][0], free[0]];
  if (others.size === 1 && free.length === 1 && label !== undefined && place !== undefined) {
    known.set(label, place);
  }
  return (of) => known.get(of);
}
