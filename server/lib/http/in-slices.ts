/** Of the event loop at a time. */
const SLICE_MS = 2;

/** Does what there is to do with many things a few at a time, so that others have their turns between. */
export class InSlices<Item> {
  readonly #act: (item: Item) => void;
  #waiting: Item[] = [];

  constructor(act: (item: Item) => void) {
    this.#act = act;
  }

  add(item: Item): void {
    if (this.#waiting.push(item) === 1) setImmediate(() => this.#slice());
  }

  #slice(): void {
    const until = performance.now() + SLICE_MS;
    let done = 0;
    do {
      this.#act(this.#waiting[done++] as Item);
    } while (done < this.#waiting.length && performance.now() < until);
    this.#waiting = this.#waiting.slice(done);
    if (this.#waiting.length > 0) setImmediate(() => this.#slice());
  }
}
