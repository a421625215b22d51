import { mkdtempSync, readdirSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { Tensor } from '../../../../lib/engine/tensor/tensor';
import {
  makeFloats,
  makeNode,
  openOnnxFile,
  writeOnnxModel,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { quantizeModel } from '../../../../lib/optimize/quantize/quantize-model';
import type { QuantizeOptions } from '../../../../lib/optimize/quantize/quantize-options';

const CHANNELS = 8;
const SIZE = 6;
const folder = mkdtempSync(path.join(tmpdir(), 'onlite-quantize-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The same numbers each time, between −1 and 1. */
const numbers = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => Math.sin(12.9898 * (index + 1) + 78.233 * seed));

const weight = (name: string, seed: number): TensorProto =>
  makeFloats(name, numbers(CHANNELS * CHANNELS * 9, seed), [CHANNELS, CHANNELS, 3, 3]);

const conv = (input: string, output: string, ...constants: string[]): NodeProto =>
  makeNode('Conv', [input, ...constants], [output], {
    name: `node_${output}`,
    attributes: { pads: [1n, 1n, 1n, 1n] },
  });

function modelFile(nodes: NodeProto[], initializer: TensorProto[], opset = 13): string {
  const shape = { dim: [1, CHANNELS, SIZE, SIZE].map((dimValue) => ({ dimValue })) };
  const value = (name: string): GraphProto['input'][number] => ({
    name,
    type: { tensorType: { elemType: 1, shape } },
    metadataProps: [],
  });
  const file = path.join(folder, `${readdirSync(folder).length}.onnx`);
  const graph: GraphProto = {
    name: 'graph',
    node: nodes,
    input: [value('x')],
    output: [value('y')],
    initializer,
    valueInfo: [],
    quantizationAnnotation: [],
    sparseInitializer: [],
    metadataProps: [],
  };
  const opsetImport = [{ domain: '', version: opset }];
  writeFileSync(
    file,
    writeOnnxModel({ irVersion: 7, opsetImport, graph, metadataProps: [], functions: [] }),
  );
  return file;
}

const samples = Array.from({ length: 6 }, (_, seed) => ({
  feeds: {
    x: new Tensor('float32', numbers(CHANNELS * SIZE * SIZE, seed), [1, CHANNELS, SIZE, SIZE]),
  },
}));

const quantize = (file: string, options: Partial<QuantizeOptions> = {}) =>
  quantizeModel(file, `${file}.int8`, {
    data: () => samples,
    target: 'any',
    method: 'static',
    minSpeedup: 0,
    minSqnr: 15,
    ...options,
  });

const invalid = { code: 'ERR_INVALID_ARGUMENT' };

describe('quantizeModel', () => {
  it('takes layers that share their constants', async () => {
    const file = modelFile(
      [conv('x', 'a', 'w', 'b'), makeNode('Tanh', ['a'], ['t']), conv('t', 'y', 'w', 'b')],
      [weight('w', 1), makeFloats('b', numbers(CHANNELS, 2))],
    );
    const { chosen } = await quantize(file);
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(25);
    const written = openOnnxFile(`${file}.int8`);
    const { initializer, node } = written.model.graph!;
    written.close();
    const weights = initializer.filter(({ dims }) => dims.length === 4);
    expect(weights.map(({ dataType }) => dataType)).toEqual([3]);
    expect(new Set(node.map(({ name }) => name)).size).toBe(node.length);
  });

  it('plans and writes models of old operators alike', async () => {
    const pool = { attributes: { kernel_shape: [1n, 1n] } };
    const file = modelFile(
      [
        conv('x', 'a', 'w'),
        makeNode('MaxPool', ['a'], ['p'], pool),
        makeNode('LeakyRelu', ['p'], ['r']),
        conv('r', 'y', 'v'),
      ],
      [weight('w', 1), weight('v', 2)],
      11,
    );
    const { chosen } = await quantize(file);
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(25);
  });

  it('keeps the biases of channels without weights', async () => {
    const values = numbers(CHANNELS * CHANNELS * 9, 3);
    values.fill(0, 0, CHANNELS * 9);
    const dead = makeFloats('w', values, [CHANNELS, CHANNELS, 3, 3]);
    const file = modelFile(
      [conv('x', 'a', 'w', 'b'), conv('a', 'y', 'v')],
      [dead, makeFloats('b', new Float32Array(CHANNELS).fill(0.4)), weight('v', 4)],
    );
    const one = { method: 'minmax' } as const;
    const { chosen } = await quantize(file, { calibration: one });
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(25);
  });

  it('leaves nodes float that are named as in the model that is given', async () => {
    const file = modelFile(
      [conv('x', 'a', 'w'), conv('a', 'y', 'v')],
      [weight('w', 1), weight('v', 2)],
    );
    const { chosen } = await quantize(file, { exclude: ['node_a'] });
    const kept = chosen!.decisions.filter(({ as }) => as === undefined);
    expect(kept.map(({ node }) => node)).toEqual(['node_a']);
    for (const method of ['static', 'dynamic', 'float16'] as const) {
      await expect(quantize(file, { method, exclude: ['none'] })).rejects.toMatchObject(invalid);
    }
  });

  it('writes nothing once it is aborted', async () => {
    const file = modelFile([conv('x', 'y', 'w')], [weight('w', 1)]);
    const controller = new AbortController();
    let passes = 0;
    const heldOut = (): typeof samples => {
      passes++;
      controller.abort();
      return samples;
    };
    const { signal } = controller;
    await expect(quantize(file, { method: 'float16', heldOut, signal })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
    expect(passes).toBe(1);
    expect(existsSync(`${file}.int8`)).toBe(false);
    const aborted = quantize(file, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });

  it('says what is wrong before it begins', async () => {
    const file = modelFile([conv('x', 'y', 'w')], [weight('w', 1)]);
    const untried = { data: () => samples };
    await expect(quantizeModel(file, file, untried)).rejects.toMatchObject(invalid);
    await expect(quantizeModel(file, folder, untried)).rejects.toMatchObject(invalid);
    await expect(quantizeModel(file, `${folder}/no/y`, untried)).rejects.toMatchObject(invalid);
    await expect(quantizeModel(file, 5 as never, untried)).rejects.toMatchObject(invalid);
    for (const wrong of [
      { onProgress: 5 },
      { signal: 5 },
      { calibration: { method: 'x' } },
      { bits: 3 },
      { target: 'x' },
      { data: 5 },
      { unknown: 1 },
    ]) {
      const options = { data: () => samples, ...wrong } as unknown as QuantizeOptions;
      await expect(quantizeModel(file, `${file}.o`, options)).rejects.toMatchObject(invalid);
    }
    await expect(quantize(file, { io: 'int8' })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });

  it('leaves no temporary files', async () => {
    const file = modelFile([conv('x', 'y', 'w')], [weight('w', 1)]);
    const temporary = mkdtempSync(path.join(tmpdir(), 'onlite-temporary-'));
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = temporary;
    try {
      await quantize(file);
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      rmSync(temporary, { recursive: true });
    }
  });
});
