/**
 * A window of the newest `size` values of a stream, handed out after every `hop` new ones. What
 * came before the stream is taken to be `history` over and over (`size` is a multiple of its
 * length), silence if not given.
 */
export class SlidingWindow {
  #values;
  #hop;
  #fresh = 0;

  constructor(size, hop, history = [0]) {
    this.#values = Float32Array.from({ length: size }, (_, i) => history[i % history.length]);
    this.#hop = hop;
  }

  /** Takes any number of values. Each window it yields is the same array: use it before the next. */
  *push(values) {
    for (let taken = 0; taken < values.length;) {
      const count = Math.min(values.length - taken, this.#hop - this.#fresh);
      this.#values.copyWithin(0, count);
      this.#values.set(values.subarray(taken, taken + count), this.#values.length - count);
      taken += count;
      this.#fresh += count;
      if (this.#fresh === this.#hop) {
        this.#fresh = 0;
        yield this.#values;
      }
    }
  }
}
