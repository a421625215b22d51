/** xorshift32: the same values in every run of a test. */
export function seeded(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export type Random = () => number;

export const integerBelow = (random: Random, limit: number): number => Math.floor(random() * limit);

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[integerBelow(random, items.length)] as Item;
}

/** Any bit pattern, so that all exponents come up; not NaN or infinite. */
export function finiteFloat64(random: Random): number {
  const view = new DataView(new ArrayBuffer(8));
  for (;;) {
    view.setUint32(0, random() * 2 ** 32);
    view.setUint32(4, random() * 2 ** 32);
    const value = view.getFloat64(0);
    if (Number.isFinite(value)) return value;
  }
}

/** The same of 32 bits. */
export function finiteFloat32(random: Random): number {
  const view = new DataView(new ArrayBuffer(4));
  for (;;) {
    view.setUint32(0, random() * 2 ** 32);
    const value = view.getFloat32(0);
    if (Number.isFinite(value)) return value;
  }
}

const spaces = ['', '', '', ' ', '\n', '\t ', '\r\n'];

/** Dense arrays of the dims with the texts as elements and white space here and there. */
export function nest(random: Random, texts: readonly string[], dims: readonly number[]): string {
  const space = (): string => oneOf(random, spaces);
  let next = 0;
  const write = (axis: number): string => {
    if (axis === dims.length) return `${space()}${texts[next++]}${space()}`;
    const items = Array.from({ length: dims[axis] ?? 0 }, () => write(axis + 1));
    return `${space()}[${space()}${items.join(',')}]${space()}`;
  };
  return write(0);
}

export const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export function randomDims(random: Random): number[] {
  return Array.from({ length: integerBelow(random, 5) }, () => integerBelow(random, 5));
}
