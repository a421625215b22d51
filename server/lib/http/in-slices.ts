/** Of the event loop at a time. */
const SLICE_MS = 2;

/** Does what there is to do with many things a few at a time, so that others have their turns between. */
export class InSlices<Item> {
  readonly #act: (item: Item) => void;
  #waiting: Item[] = [];
  #isPlanned = false;

  /** @param act - does not throw */
  constructor(act: (item: Item) => void) {
    this.#act = act;
  }

  add(item: Item): void {
    this.#waiting.push(item);
    this.#plan();
  }

  #plan(): void {
    if (this.#isPlanned || this.#waiting.length === 0) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.#slice();
      this.#plan();
    });
  }

  #slice(): void {
    const until = performance.now() + SLICE_MS;
    let done = 0;
    do this.#act(this.#waiting[done++] as Item);
    while (done < this.#waiting.length && performance.now() < until);
    this.#waiting = this.#waiting.slice(done);
  }
}
