/** As many requests as may wait for labels by default are remembered, in 512 KiB. */
const BITS = 17;

/** 32 bits of an id, never 0: FNV-1a over its UTF-16 code units, mixed. */
export function digestOf(requestId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < requestId.length; index++) {
    hash = Math.imul(hash ^ requestId.charCodeAt(index), 0x01000193);
  }
  // The upper bits, which choose the place, are alike for ids that differ at their ends alone.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (hash ^ (hash >>> 15)) >>> 0 || 1;
}

/**
 * Which requests were not looked at lately, so that their labels are told from those of requests that
 * nobody knows. It has digests alone: of 100,000 labels that belong to none about 3 are taken for such.
 */
export class LeftOut {
  #digests: Uint32Array | undefined;

  add(digests: Uint32Array): void {
    if (digests.length === 0) return;
    const known = (this.#digests ??= new Uint32Array(2 ** BITS));
    for (const digest of digests) known[digest >>> (32 - BITS)] = digest;
  }

  /** @param requestId - of a request, or `<id>/<row>` of one of its rows */
  has(requestId: string): boolean {
    if (this.#digests === undefined) return false;
    const end = requestId.lastIndexOf('/');
    return this.#knows(requestId) || (end > 0 && this.#knows(requestId.slice(0, end)));
  }

  #knows(requestId: string): boolean {
    const digest = digestOf(requestId);
    return this.#digests?.[digest >>> (32 - BITS)] === digest;
  }
}
