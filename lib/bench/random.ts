/**
 * Uniform numbers in [0, 1), the same for the same seed on every machine: resampling and arrivals
 * must be repeatable. Mulberry32: 32 bits of state, period 2^32.
 *
 * @param seed - any integer; its low 32 bits count
 */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
