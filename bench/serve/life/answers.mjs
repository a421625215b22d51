// What became of the requests of a run of server/bench/open-load.mjs.

/** The value below which a share of some values is. */
export function quantile(values, share) {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** How many there are of all. */
export const total = (counts) => Object.values(counts).reduce((sum, each) => sum + each, 0);

/** "200: 1,234, 429: 5", with those that were not answered. */
export function described({ answers, errors = {} }) {
  const all = Object.entries({ ...answers, ...errors });
  return all.map(([what, times]) => `${what}: ${times}`).join(', ') || 'none';
}

/** Requests that were not answered with 200. */
export const failures = ({ answers, errors }) =>
  total(answers) + total(errors) - (answers[200] ?? 0);

/** The times of those that were to begin in one of some spans of time. */
export const timesWithin = ({ at, ms }, spans) =>
  ms.filter((_, index) => spans.some(([from, to]) => at[index] >= from && at[index] < to));
