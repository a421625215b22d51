import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { InferenceSession } from '../../../../../lib/engine/session/session';
import { Tensor } from '../../../../../lib/engine/tensor/tensor';
import {
  readTflite,
  SubgraphEditor,
  writeTflite,
  type ModelT,
  type OptionsT,
} from '../../../../../lib/formats/tflite';
import { quantizeModel } from '../../../../../lib/optimize/quantize/quantize-model';
import type { QuantizeOptions } from '../../../../../lib/optimize/quantize/quantize-options';
import { BOOL, Network, numbers } from './network';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-quantize-tflite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHAPE = [1, 8, 8, 3];
const data: QuantizeOptions['data'] = () =>
  Array.from({ length: 6 }, (_, index) => ({
    feeds: { x: new Tensor('float32', numbers(8 * 8 * 3, 500 + index), SHAPE) },
  }));
/** What is quicker depends on the machine. */
const anySpeed = { data, minSpeedup: 0 };

function network(): string {
  const net = new Network();
  const first = net.unary('HARD_SWISH', net.conv(net.input(SHAPE), 16));
  const second = net.conv(net.pool('AVERAGE_POOL_2D', first), 16);
  const file = path.join(folder, 'float.tflite');
  writeFileSync(file, writeTflite(net.output(net.dense(net.mean(second), 10))));
  return file;
}

/** A model that has one of two subgraphs compute its output, with a weight that it is given or has. */
function branches(): ModelT {
  const shape = [1, 8 * 8 * 3];
  const net = new Network();
  const x = net.input(SHAPE);
  const least = net.operator(
    'REDUCE_MIN',
    [x, net.integers([0, 1, 2, 3])],
    [],
    ['ReducerOptions', {}],
  );
  const zero = net.editor.addConstant({ name: 'zero', shape: [] }, new Float32Array(1));
  const condition = net.operator('LESS', [least, zero], []);
  net.editor.tensor(condition)!.type = BOOL;
  const row = net.operator('RESHAPE', [x, net.integers(shape)], shape);
  const y = net.operator(
    'IF',
    [condition, row, net.floats([10, 192], 0.1)],
    [1, 10],
    ['IfOptions', { thenSubgraphIndex: 1, elseSubgraphIndex: 2 }],
  );
  const model = net.output(y);
  const dense: [string, OptionsT] = ['FullyConnectedOptions', {}];
  for (const isOwn of [false, true]) {
    const branch = new Network(model);
    const taken = branch.input(shape);
    const given = branch.input([10, 192]);
    branch.output(
      isOwn
        ? branch.dense(taken, 10)
        : branch.operator('FULLY_CONNECTED', [taken, given], [1, 10], dense),
    );
  }
  return model;
}

const input = network();
const output = path.join(folder, 'out.tflite');

describe('quantizeModel', () => {
  it('writes the better of everything in int8 and of what XNNPACK takes', async () => {
    const { candidates, chosen, holds } = await quantizeModel(input, output, {
      ...anySpeed,
      method: 'static',
      calibration: { method: 'minmax' },
    });
    expect(holds).toBe(true);
    const names = candidates.map(({ name }) => name);
    expect(names.map((name) => name.replace(', biases corrected', '')).sort()).toEqual([
      'static (equalised, minmax)',
      'static (equalised, minmax, delegated)',
    ]);
    // Those of the quicker one.
    expect(names.filter((name) => name.includes('biases corrected'))).toHaveLength(1);
    const [delegated] = candidates.filter(({ name }) => name.includes('delegated'));
    expect(delegated?.decisions).toContainEqual({
      node: 'average_pool_2d2',
      operator: 'AVERAGE_POOL_2D',
      reason: 'XNNPACK computes it in float only',
    });
    const session = await InferenceSession.create(output);
    expect(session.inputMetadata).toMatchObject([{ name: 'x', type: 'float32' }]);
    await session.release();
    const { metadata, buffers } = readTflite(readFileSync(output));
    const entry = metadata.find(({ name }) => name === 'onlite.quantization');
    const facts = Buffer.from(buffers[entry?.buffer ?? 0]?.data ?? []).toString();
    expect(JSON.parse(facts)).toMatchObject({ method: chosen?.name });
    expect(JSON.parse(facts)).not.toHaveProperty('target');
  });

  it('gives models of 16 bits, whose speed does not matter', async () => {
    const { candidates, holds } = await quantizeModel(input, output, {
      data: anySpeed.data,
      calibration: { method: 'minmax' },
      activations: 'int16',
      io: 'int16',
    });
    expect(holds).toBe(true);
    expect(candidates).toHaveLength(1);
    const session = await InferenceSession.create(output);
    expect(session.inputMetadata).toMatchObject([{ name: 'x', type: 'int16' }]);
    await session.release();
    const wrong = quantizeModel(input, output, { ...anySpeed, activations: 'int16', io: 'int8' });
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });

  it('gives int8 models that take and give int8', async () => {
    const { holds } = await quantizeModel(input, output, {
      ...anySpeed,
      method: 'static',
      calibration: { method: 'minmax' },
      io: 'int8',
    });
    expect(holds).toBe(true);
    const session = await InferenceSession.create(output);
    const types = [...session.inputMetadata, ...session.outputMetadata].map((value) =>
      value.isTensor ? value.type : value.kind,
    );
    expect(types).toEqual(['int8', 'int8']);
    await session.release();
  });

  it.each(['dynamic', 'float16'] as const)('knows %s', async (method) => {
    const { chosen } = await quantizeModel(input, output, { ...anySpeed, method });
    expect(chosen?.name).toBe(method);
    expect(chosen?.decisions.filter(({ as }) => as !== undefined)).toHaveLength(1);
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(30);
  });

  it.each(['dynamic', 'float16'] as const)(
    'quantises what a branch computes: %s',
    async (method) => {
      const file = path.join(folder, 'branches.tflite');
      writeFileSync(file, writeTflite(branches()));
      const { candidates, chosen } = await quantizeModel(file, output, { ...anySpeed, method });
      expect(candidates[0]?.decisions.flatMap(({ node, as }) => (as ? [node] : []))).toEqual([
        'fully_connected0',
        'fully_connected0',
      ]);
      expect(chosen?.fidelity.sqnr).toBeGreaterThan(30);
      const [smaller, original] = [output, file].map((each) => readFileSync(each).byteLength);
      expect(smaller).toBeLessThan(0.7 * original!);
      const excluded = { ...anySpeed, method, exclude: ['fully_connected0'] };
      await expect(quantizeModel(file, output, excluded)).rejects.toThrow(/nothing to quantise/);
    },
  );

  it('leaves float what adds most noise', async () => {
    const net = new Network();
    const file = path.join(folder, 'convolutions.tflite');
    const last = net.conv(net.conv(net.conv(net.input(SHAPE), 16), 16), 4);
    writeFileSync(file, writeTflite(net.output(last)));
    const options = { ...anySpeed, method: 'static', calibration: { method: 'minmax' } } as const;
    const all = await quantizeModel(file, output, options);
    const sqnr = Math.max(...all.candidates.map((each) => each.fidelity.sqnr));
    const { chosen } = await quantizeModel(file, output, {
      ...options,
      minSqnr: sqnr + 0.5,
    });
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(sqnr + 0.5);
    expect(chosen?.decisions.map(({ reason }) => reason)).toContain(
      'it adds more noise than the limits allow',
    );
  });

  it('refuses weights whose bytes are no floats', async () => {
    const model = readTflite(readFileSync(input));
    const editor = new SubgraphEditor(model);
    const [weights] = editor.graph.operators.flatMap(({ inputs }) => inputs.slice(1));
    const buffer = model.buffers[editor.tensor(weights)?.buffer ?? 0]!;
    buffer.data = buffer.data!.subarray(1);
    expect(() => editor.constantFloats(weights)).toThrow(
      expect.objectContaining({ code: 'ERR_MODEL_INVALID' }) as Error,
    );
  });

  it.each([
    [{ method: 'weight-only' }, 'ERR_UNSUPPORTED'],
    [{ format: 'qoperator' }, 'ERR_UNSUPPORTED'],
    [{ exclude: ['nothing'] }, 'ERR_INVALID_ARGUMENT'],
    [{ io: 'int4' }, 'ERR_INVALID_ARGUMENT'],
  ])('refuses %o', async (options, code) => {
    const other = path.join(folder, 'refused.tflite');
    const refused = quantizeModel(input, other, { data, ...options } as QuantizeOptions);
    await expect(refused).rejects.toMatchObject({ code });
    expect(existsSync(other)).toBe(false);
  });
});
