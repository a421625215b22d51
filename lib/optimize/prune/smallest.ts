/** What is no number counts as the largest. */
const ranked = (value: number): number => (Number.isNaN(value) ? Infinity : value);

/**
 * Visits the indices of the `count` smallest of all numbers; of equal ones the first. What is no
 * number comes last.
 *
 * @param count - as many as there are at most
 */
export function forEachSmallest(
  parts: readonly Float32Array[],
  count: number,
  visit: (part: number, index: number) => void,
): void {
  if (count <= 0) return;
  const sorted = joined(parts).sort();
  const greatest = sorted[count - 1] ?? 0;
  let equal = count - sorted.indexOf(greatest);
  for (const [part, values] of parts.entries()) {
    for (const [index, each] of values.entries()) {
      const value = ranked(each);
      if (value < greatest || (value === greatest && equal-- > 0)) visit(part, index);
    }
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all.map(ranked);
}
