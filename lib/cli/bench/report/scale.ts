/** From values to coordinates of a drawing. */
export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
}

function scale(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
  transform: (value: number) => number,
  ticks: readonly number[],
): Scale {
  const [low, high] = [transform(from), transform(to)];
  const position = (value: number): number =>
    start + ((transform(value) - low) / (high - low || 1)) * (end - start);
  return Object.assign(position, { ticks });
}

const STEPS = [1, 2, 5];

/**
 * A logarithmic scale over at least a ratio of 2, its ends at "nice" values; ticks at 1, 2 and 5
 * times powers of ten, or at the powers alone where those are many.
 */
export function logScale(
  [least, greatest]: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const low = Math.max(least, 1e-9);
  const high = Math.max(greatest, low * 1.0001);
  const candidates: number[] = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of STEPS) candidates.push(step * 10 ** power);
  }
  const from = candidates.filter((tick) => tick <= low).at(-1) ?? low;
  const to = candidates.find((tick) => tick >= high) ?? high;
  const inside = candidates.filter((tick) => tick >= from && tick <= to);
  const powers = inside.filter((tick) => Number.isInteger(Number(Math.log10(tick).toFixed(9))));
  const ticks = inside.length > 9 && powers.length > 1 ? powers : inside;
  return scale([from, to], range, Math.log10, ticks);
}

/** A linear scale from 0 to a "nice" value, with about five ticks. */
export function linearScale(greatest: number, range: readonly [number, number]): Scale {
  const high = greatest > 0 ? greatest : 1;
  const rough = high / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((candidate) => candidate * power >= rough) ?? 10) * power;
  const count = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, index) => index * step);
  return scale([0, count * step], range, (value) => value, ticks);
}

/** Percentiles by how rare what lies beyond them is: 90, 99 and 99.9 are equally far apart. */
export function percentileScale(greatest: number, range: readonly [number, number]): Scale {
  const rarity = (percent: number): number => -Math.log10(1 - percent / 100);
  const all = [0, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999, 99.9999];
  const end = Math.max(greatest, 90);
  const wide = rarity(end) > 3.5;
  const ticks = all.filter((tick) => tick <= end && !(wide && (tick === 75 || tick === 95)));
  return scale([0, end], range, rarity, ticks);
}

const TIME_UNITS: readonly (readonly [number, string])[] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** `500 ms`: ticks are round, so no digits are lost. */
export function timeTick(nanoseconds: number): string {
  const [size, unit] = TIME_UNITS.find(([least]) => nanoseconds >= least) ?? [1, 'ns'];
  return `${Number((nanoseconds / size).toPrecision(3))} ${unit}`;
}
