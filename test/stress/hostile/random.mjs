/** A small seeded generator (mulberry32): the same seed gives the same calls on every platform. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** One generator a name: neighbouring seeds and names have nothing in common. */
  static for(...names) {
    let hash = 0x811c9dc5;
    for (const character of names.join(':')) {
      hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
    }
    return new Random(hash);
  }

  /** An integer in [0, limit). */
  below(limit) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** True once in `times`. */
  oneIn(times) {
    return this.below(times) === 0;
  }

  pick(items) {
    return items[this.below(items.length)];
  }
}
