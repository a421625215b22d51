import { describe, expect, it } from 'vitest';

import type { ModelProto } from '../../../../lib/formats/onnx';
import { PASSES } from '../../../../lib/optimize/simplify/passes';
import { allOperators, applyAll, applyPass, distance, operators, run } from './graphs';
import { randomModel } from './random-graph';

/** ONLITE_SIMPLIFY_SEEDS asks for more of them. */
const SEEDS = Number(process.env['ONLITE_SIMPLIFY_SEEDS'] ?? 24);
/** Of a graph's greatest value: sums in another order are rounded otherwise. */
const NOISE = 1e-5;

/** The models, each with what it gives for its feeds. */
const references = await Promise.all(
  Array.from({ length: SEEDS }, async (_, seed) => {
    const { model, feeds } = randomModel(seed);
    const expected = await Promise.all(feeds.map((sample) => run(model, sample)));
    return { seed, model, feeds, expected };
  }),
);

/** How far a model is from what another one gave. */
async function apart(
  model: ModelProto,
  { feeds, expected }: Pick<(typeof references)[number], 'feeds' | 'expected'>,
): Promise<number> {
  const found: number[] = [];
  for (const [index, sample] of feeds.entries()) {
    found.push(distance(expected[index]!, await run(model, sample)));
  }
  return Math.max(...found);
}

describe('random graphs', () => {
  it.each([...PASSES.keys()])('give the same after: %s', async (name) => {
    let applied = 0;
    for (const reference of references) {
      const simplified = await applyPass(reference.model, name);
      applied += simplified.applied[name] ?? 0;
      expect(await apart(simplified.model, reference), `seed ${reference.seed}`).toBeLessThan(
        NOISE,
      );
    }
    // The conditions of the random graphs depend on what they are given.
    if (name !== 'constant conditions') expect(applied).toBeGreaterThan(0);
  });

  it('give the same after all passes, with no more nodes, and stay so', async () => {
    let innerSimplified = 0;
    for (const reference of references) {
      const { model: simplified, leftOut } = await applyAll(reference.model);
      const seed = `seed ${reference.seed}`;
      expect(leftOut, seed).toEqual([]);
      const [before, after] = [reference.model, simplified].map(allOperators);
      expect(after!.length).toBeLessThanOrEqual(before!.length);
      const inner = before!.length - operators(reference.model).length;
      if (inner > 0 && after!.length - operators(simplified).length < inner) innerSimplified++;
      expect(await apart(simplified, reference), seed).toBeLessThan(NOISE);
      expect((await applyAll(simplified)).applied, seed).toEqual({});
    }
    expect(innerSimplified).toBeGreaterThan(SEEDS / 4);
  });
});
