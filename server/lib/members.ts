interface Node<Item> {
  item: Item;
  before: Node<Item> | undefined;
  after: Node<Item> | undefined;
}

/**
 * A set of what comes and goes with each request or connection, in the order that it came.
 *
 * V8 makes a Set's table anew each few changes, and the former table points to the new one, for iterators that are
 * under way. Once one has grown old, all that come after it are kept, with what is in them, until the whole heap is
 * collected: with tens of thousands of connections, tens of megabytes. Here, what has left points to nothing.
 */
export class Members<Item extends object> implements Iterable<Item> {
  readonly #nodes = new WeakMap<Item, Node<Item>>();
  #first: Node<Item> | undefined;
  #last: Node<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** That which has been there for longest. */
  get oldest(): Item | undefined {
    return this.#first?.item;
  }

  has(item: Item): boolean {
    return this.#nodes.has(item);
  }

  add(item: Item): void {
    if (this.#nodes.has(item)) return;
    const node: Node<Item> = { item, before: this.#last, after: undefined };
    this.#nodes.set(item, node);
    if (this.#last === undefined) this.#first = node;
    else this.#last.after = node;
    this.#last = node;
    this.#size += 1;
  }

  /** @returns whether it was there */
  delete(item: Item): boolean {
    const node = this.#nodes.get(item);
    if (node === undefined) return false;
    this.#nodes.delete(item);
    const { before, after } = node;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    node.before = undefined;
    node.after = undefined;
    this.#size -= 1;
    return true;
  }

  clear(): void {
    for (const item of this) this.delete(item);
  }

  /** What is there now: those that come or go meanwhile change nothing of it. */
  [Symbol.iterator](): Iterator<Item> {
    const items: Item[] = [];
    for (let node = this.#first; node !== undefined; node = node.after) items.push(node.item);
    return items.values();
  }
}
