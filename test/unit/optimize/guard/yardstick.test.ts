import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { compareModels } from 'onlite/optimize';
import { afterAll, describe, expect, it } from 'vitest';

import { makeFloats, makeNode, writeOnnxModel } from '../../../../lib/formats/onnx';
import { Yardstick } from '../../../../lib/optimize/guard/yardstick';
import { floats, modelOf, tensor } from '../simplify/graphs';

const scratch = mkdtempSync(path.join(tmpdir(), 'onlite-yardstick-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function write(seed: number): string {
  const nodes = [
    makeNode('Relu', ['x'], ['y']),
    makeNode('RandomNormalLike', ['x'], ['noise'], { attributes: { seed } }),
  ];
  const file = path.join(scratch, `${seed}.onnx`);
  writeFileSync(file, writeOnnxModel(modelOf(nodes, [floats('x', [4, 16])], ['y', 'noise'])));
  return file;
}

/** A model that multiplies what it is given. */
function scaled(by: number): string {
  const nodes = [makeNode('Mul', ['x', 'by'], ['y'])];
  const file = path.join(scratch, `scaled-${by}.onnx`);
  const model = modelOf(nodes, [floats('x', [4, 16])], ['y'], [makeFloats('by', [by], [])]);
  writeFileSync(file, writeOnnxModel(model));
  return file;
}

describe('a yardstick', () => {
  it('lets outputs that are random say nothing', async () => {
    const [reference, candidate] = [write(1), write(2)];
    const samples = [{ feeds: { x: tensor([4, 16]) } }];
    const by = (random: string[]) => new Yardstick(reference, () => samples, { random });
    expect((await by([]).fidelity(candidate)).sqnr).toBeLessThan(20);
    expect((await by(['noise']).fidelity(candidate)).sqnr).toBe(Infinity);
    await expect(by(['noise', 'y']).fidelity(candidate)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('random') as unknown,
    });
  });

  it.each([
    ['that are kept', 2 ** 20],
    ['for which there is no room', 1000],
  ])('finds by samples %s what a comparison of both finds', async (_, room) => {
    const files = [scaled(1), scaled(1.01)] as const;
    let made = 0;
    // The program uses its memory again for each sample.
    const x = tensor([4, 16]);
    function* samples() {
      for (let index = 0; index < 3; index++) {
        made++;
        x.data.fill(index + 1);
        x.data[0] = 50 * index;
        yield { feeds: { x }, labels: [0, index, 1, 2] };
      }
    }
    const sessions = await Promise.all(files.map((file) => InferenceSession.create(file)));
    const { candidates } = await compareModels(sessions, samples());
    for (const session of sessions) await session.release();
    made = 0;
    const yardstick = new Yardstick(files[0], samples, { room });
    const found = [await yardstick.fidelity(files[1]), await yardstick.fidelity(files[1])];
    for (const { sqnr, accuracy } of found) {
      expect(sqnr).toBeCloseTo(candidates[0]!.outputs[0]!.difference.sqnr, 10);
      expect(accuracy).toBeDefined();
    }
    expect((await yardstick.fidelity(files[0])).sqnr).toBe(Infinity);
    // Kept samples are asked for once.
    expect(made === 3).toBe(room > 1000);
  });

  it('compares some of many samples, from all over them, and keeps all', async () => {
    const files = [scaled(1), scaled(1.01)] as const;
    const samples = Array.from({ length: 10 }, (_, index) => {
      const x = tensor([4, 16]);
      x.data.fill(index + 1);
      return { feeds: { x }, labels: [index, index, index, index] };
    });
    const yardstick = new Yardstick(files[0], () => samples, { compared: 2 });
    expect(await yardstick.samples()).toHaveLength(10);
    const { accuracy } = await yardstick.fidelity(files[1]);
    const two = new Yardstick(files[0], () => [samples[0]!, samples[5]!]);
    expect(accuracy).toEqual((await two.fidelity(files[1])).accuracy);
    const all = new Yardstick(files[0], () => samples);
    expect(accuracy).not.toEqual((await all.fidelity(files[1])).accuracy);
  });
});
