import type { Dim } from '../simplify/value-types';

/** A dimension of a constant that loses the elements of channels that are removed. */
export interface ConstantAxis {
  readonly name: string;
  readonly axis: number;
}

/** A value's channels along one of its dimensions. */
export interface Channels {
  readonly axis: number;
  /** The number of each channel in the graph; one that is there twice is removed twice. */
  readonly ids: Int32Array;
}

/** Whether a channel is still there. */
export type IsKept = (id: number) => boolean;

export const countKept = (ids: Int32Array, isKept: IsKept): number =>
  ids.reduce((count, id) => count + (isKept(id) ? 1 : 0), 0);

/** What is known of the graph's tensors. */
export interface KnownDims {
  /** Of a constant, too; undefined where the rank is not known. */
  dims(name: string): readonly Dim[] | undefined;
}

/**
 * Which channels of a graph's values and which elements of its constants can only be removed
 * together. Each channel has a number; what couples two joins their sets.
 */
export class ChannelGraph {
  readonly #known: KnownDims;
  readonly #parents: number[] = [];
  readonly #values = new Map<string, Channels>();
  readonly #constants = new Map<string, { constant: ConstantAxis; ids: Int32Array }>();
  /** Why a channel stays; by any number of its set. */
  readonly #pins = new Map<number, string>();

  constructor(known: KnownDims) {
    this.#known = known;
  }

  /** The channels that were set for a value. */
  get(value: string): Channels | undefined {
    return this.#values.get(value);
  }

  set(value: string, channels: Channels): void {
    this.#values.set(value, channels);
  }

  get values(): ReadonlyMap<string, Channels> {
    return this.#values;
  }

  /**
   * A value's channels along a dimension. Along any other than that of its channels, and of a value
   * of which nothing is known but its size, they stay.
   *
   * @returns undefined where the size is not known
   */
  along(value: string, axis: number, reason: string): Channels | undefined {
    const own = this.#values.get(value);
    if (own?.axis === axis) return own;
    if (own) this.pin(own.ids, reason);
    const size = this.#known.dims(value)?.at(axis);
    if (typeof size !== 'number') return undefined;
    const channels = { axis, ids: this.fresh(size) };
    this.pin(channels.ids, reason);
    return channels;
  }

  /** The elements of a constant along one of its dimensions. */
  constant(name: string, axis: number): Int32Array {
    const key = `${axis} ${name}`;
    let found = this.#constants.get(key);
    if (!found) {
      const size = this.#known.dims(name)?.at(axis);
      const ids = this.fresh(typeof size === 'number' ? size : 0);
      found = { constant: { name, axis }, ids };
      this.#constants.set(key, found);
    }
    return found.ids;
  }

  /** So many channels that nothing couples yet. */
  fresh(count: number): Int32Array {
    const first = this.#parents.length;
    for (let id = first; id < first + count; id++) this.#parents.push(id);
    return Int32Array.from({ length: count }, (_, index) => first + index);
  }

  /** Couples each channel of one list to that at the same place of the other. */
  couple(a: ArrayLike<number>, b: ArrayLike<number>): void {
    for (let index = 0; index < a.length; index++) this.#join(a[index] ?? 0, b[index] ?? 0);
  }

  /** Couples all channels of a list to each other. */
  coupleAll(ids: ArrayLike<number>): void {
    for (let index = 1; index < ids.length; index++) this.#join(ids[0] ?? 0, ids[index] ?? 0);
  }

  /** Has channels stay. */
  pin(ids: ArrayLike<number>, reason: string): void {
    for (const id of Array.from(ids)) if (!this.#pins.has(id)) this.#pins.set(id, reason);
  }

  /** Has all of a constant stay. */
  pinConstant(name: string, reason: string): void {
    const rank = this.#known.dims(name)?.length ?? 0;
    for (let axis = 0; axis < rank; axis++) this.pin(this.constant(name, axis), reason);
  }

  /** A number that the channels of a set have in common. */
  find(id: number): number {
    let root = id;
    for (
      let parent = this.#parents[root] ?? root;
      parent !== root;
      parent = this.#parents[root] ?? root
    ) {
      root = parent;
    }
    for (let at = id; at !== root;) {
      const next = this.#parents[at] ?? root;
      this.#parents[at] = root;
      at = next;
    }
    return root;
  }

  #join(a: number, b: number): void {
    const [first, second] = [this.find(a), this.find(b)];
    this.#parents[Math.max(first, second)] = Math.min(first, second);
  }

  /** Why channels stay, by the number that those of their set have in common. */
  pinned(): ReadonlyMap<number, string> {
    return new Map([...this.#pins].map(([id, reason]) => [this.find(id), reason]));
  }

  /** The constants' dimensions that were asked for. */
  get constantAxes(): Iterable<{ readonly constant: ConstantAxis; readonly ids: Int32Array }> {
    return this.#constants.values();
  }
}
