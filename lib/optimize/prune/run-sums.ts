/** Ascending numbers, and sums over any run of them. */
export class RunSums {
  readonly values: Float32Array;
  /** Of all numbers before an index, and of their squares. */
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;

  constructor(sorted: Float32Array) {
    this.values = sorted;
    this.#sums = new Float64Array(sorted.length + 1);
    this.#squares = new Float64Array(sorted.length + 1);
    for (const [index, value] of sorted.entries()) {
      this.#sums[index + 1] = (this.#sums[index] ?? 0) + value;
      this.#squares[index + 1] = (this.#squares[index] ?? 0) + value * value;
    }
  }

  sum(first: number, end: number): number {
    return (this.#sums[end] ?? 0) - (this.#sums[first] ?? 0);
  }

  /** The sum of the squared distances from a number. */
  squaredDistances(first: number, end: number, from: number): number {
    const squares = (this.#squares[end] ?? 0) - (this.#squares[first] ?? 0);
    const found = squares - 2 * from * this.sum(first, end) + (end - first) * from * from;
    return Math.max(0, found);
  }
}
