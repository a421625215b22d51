import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { makeNode, writeOnnxModel } from '../../../../lib/formats/onnx';
import { evaluate } from '../../../../lib/optimize/guard/evaluate';
import { floats, modelOf, tensor } from '../simplify/graphs';

const scratch = mkdtempSync(path.join(tmpdir(), 'onlite-evaluate-'));
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

it('lets outputs that are random say nothing', async () => {
  const models = [write(1), write(2)] as const;
  const samples = [{ feeds: { x: tensor([4, 16]) } }];
  expect((await evaluate(models, samples)).sqnr).toBeLessThan(20);
  expect((await evaluate(models, samples, { random: ['noise'] })).sqnr).toBe(Infinity);
});
