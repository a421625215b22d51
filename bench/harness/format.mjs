/** Nanoseconds with a unit that suits them. */
export function duration(nanoseconds) {
  const magnitude = Math.abs(nanoseconds);
  if (magnitude < 1e3) return `${nanoseconds.toFixed(0)} ns`;
  if (magnitude < 1e6) return `${significant(nanoseconds / 1e3)} µs`;
  if (magnitude < 1e9) return `${significant(nanoseconds / 1e6)} ms`;
  return `${significant(nanoseconds / 1e9)} s`;
}

const significant = (number) => number.toFixed(Math.abs(number) < 10 ? 2 : 1);

const units = {
  ratio: (value) => `${value.toFixed(value < 10 ? 3 : 1)} ×`,
  ns: duration,
  MB: (value) => `${value.toFixed(2)} MB`,
  dB: (value) => `${value.toFixed(1)} dB`,
  percent: (value) => `${value.toFixed(1)} %`,
  count: (value) => String(Math.round(value)),
  'runs/s': (value) => `${value.toFixed(value < 100 ? 1 : 0)} runs/s`,
};

/** A row's value in its unit. */
export const format = (value, unit) => (units[unit] ?? String)(value);

/** "≤ 1.25 ×" */
export function formatTarget({ atMost, atLeast }, unit) {
  return atMost === undefined ? `≥ ${format(atLeast, unit)}` : `≤ ${format(atMost, unit)}`;
}
