import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { InferenceSession } from '../../../../lib/engine/session/session';
import { Tensor } from '../../../../lib/engine/tensor/tensor';
import {
  readTflite,
  SubgraphEditor,
  writeTflite,
  type ModelT,
} from '../../../../lib/formats/tflite';
import { pruneModel, type PruneResult } from '../../../../lib/optimize/prune/prune-model';
import type { PruneOptions } from '../../../../lib/optimize/prune/prune-options';
import { unfuseActivations } from '../../../../lib/optimize/prune/tflite/unfused';
import { randomFloats } from '../quantize/float-model';
import { ACTIVATION, Network, numbers } from '../quantize/tflite/network';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-prune-tflite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHAPE = [1, 8, 8, 3];
const samples = (count: number, seed: number): Tensor[] =>
  Array.from({ length: count }, (_, index) => {
    const values = randomFloats(8 * 8 * 3, seed + index).map((value) => value + 0.3);
    return new Tensor('float32', values, SHAPE);
  });
const feeds = (tensors: readonly Tensor[]) => () => tensors.map((x) => ({ feeds: { x } }));
const data = feeds(samples(24, 100));
const heldOut = feeds(samples(12, 900));

/** Random weights, so that channels differ; a residual, a depthwise convolution, a classifier. */
function network(): ModelT {
  const net = new Network();
  const first = net.conv(net.input(SHAPE), 16, { activation: ACTIVATION.relu });
  const second = net.conv(first, 16, { activation: ACTIVATION.relu6 });
  const third = net.depthwise(net.add(first, second), ACTIVATION.relu);
  const last = net.conv(third, 32, { size: 1, activation: ACTIVATION.relu });
  const model = net.output(net.dense(net.mean(last), 10));
  for (const [seed, operator] of net.editor.graph.operators.entries()) {
    const values = net.editor.constantFloats(operator.inputs[1]);
    const scale = Math.sqrt(2);
    const random = values && randomFloats(values.length, seed + 7);
    if (!values || !random) continue;
    const peak = Math.max(...values);
    net.editor.replaceFloats(
      operator,
      1,
      random.map((value) => value * peak * scale),
    );
  }
  return model;
}

const input = path.join(folder, 'float.tflite');
writeFileSync(input, writeTflite(network()));
let outputs = 0;

async function prune(
  options: Omit<PruneOptions, 'data'>,
  file = input,
): Promise<PruneResult & { output: string }> {
  const output = path.join(folder, `${outputs++}.tflite`);
  const found = await pruneModel(file, output, {
    data,
    heldOut,
    minSpeedup: 0,
    force: true,
    ...options,
  });
  return { ...found, output };
}

const LAYERS = ['conv_2d0', 'conv_2d1', 'depthwise_conv_2d3', 'conv_2d4', 'fully_connected6'];

describe('pruning TensorFlow Lite models', () => {
  it('zeroes half of the weights, and matches moments before activations', async () => {
    const { candidates, chosen, output } = await prune({ sparsity: 0.5 });
    const [plain, matched] = candidates;
    expect(plain!.layers.map(({ node }) => node)).toEqual(LAYERS);
    const total = (key: 'zeros' | 'weights') =>
      matched!.layers.reduce((sum, layer) => sum + layer[key][1], 0);
    expect(total('zeros') / total('weights')).toBeCloseTo(0.5, 3);
    expect(matched!.fidelity.sqnr).toBeGreaterThan(plain!.fidelity.sqnr + 2);
    expect(chosen).toBe(matched);
    const { metadata, buffers } = readTflite(readFileSync(output));
    const entry = metadata.find(({ name }) => name === 'onlite.pruning');
    const facts = Buffer.from(buffers[entry!.buffer!]!.data!).toString();
    expect(JSON.parse(facts)).toMatchObject({ method: chosen!.name, sparsity: 0.5 });
    const session = await InferenceSession.create(output);
    expect(Object.keys(session.signatures)).toEqual(['serving_default']);
    await session.release();
  });

  it('keeps the two largest of four along the inputs', async () => {
    const { output } = await prune({ pattern: '2:4', match: false });
    const pruned = new SubgraphEditor(readTflite(readFileSync(output)));
    const original = new SubgraphEditor(readTflite(readFileSync(input)));
    const weightsOf = (editor: SubgraphEditor, operator: number) =>
      editor.constantFloats(editor.graph.operators[operator]!.inputs[1])!;
    // Weights are [outputs, 3, 3, inputs]: four inputs lie side by side.
    const [found, before] = [weightsOf(pruned, 1), weightsOf(original, 1)];
    for (let first = 0; first < before.length; first += 4) {
      const block = before.slice(first, first + 4);
      const least = [...block].map(Math.abs).sort((a, b) => b - a)[1]!;
      const expected = [...block].map((value) => (Math.abs(value) >= least ? value : 0));
      expect([...found.slice(first, first + 4)]).toEqual(expected);
    }
    // A depthwise convolution has one input a group, which stays.
    expect(weightsOf(pruned, 3)).toEqual(weightsOf(original, 3));
  });

  it('removes channels through a residual, and makes up for them', async () => {
    const { candidates, channels, products, output } = await prune({
      structured: 'channel',
      sparsity: 0.4,
      multiple: 1,
      scope: 'layer',
    });
    const [plain, matched] = candidates;
    expect(matched!.fidelity.sqnr).toBeGreaterThan(plain!.fidelity.sqnr + 2);
    const tied = channels!.find(({ before, after }) => before === 16 && after < before);
    expect(tied).toEqual({ layers: LAYERS.slice(0, 4), before: 16, after: 10 });
    expect(channels!.find(({ layers }) => layers.length === 1)).toEqual({
      layers: ['fully_connected6'],
      before: 10,
      after: 10,
      reason: "'fully_connected6' is an output of the model",
    });
    expect(products![0]).toBe(64 * (16 * 27 + 16 * 9 * 16 + 9 * 16 + 16 * 32) + 320);
    expect(products![1]).toBe(64 * (10 * 27 + 10 * 9 * 10 + 9 * 10 + 10 * 19) + 190);
    const { graph, model } = new SubgraphEditor(readTflite(readFileSync(output)));
    expect(graph.tensors.find(({ name }) => name === 'add2')!.shape).toEqual([1, 8, 8, 10]);
    expect(model.buffers.length).toBeLessThan(20);
  });

  it('has weights share values', async () => {
    const { candidates } = await prune({ clusters: 16, sparsity: 0.3 });
    for (const { layers } of candidates) {
      expect(layers.every(({ values }) => values[1] <= 16)).toBe(true);
      expect(layers.every(({ zeros }) => zeros[1] > 0)).toBe(true);
    }
    expect(candidates[1]!.fidelity.sqnr).toBeGreaterThan(candidates[0]!.fidelity.sqnr);
  });

  it('leaves what is excluded, and knows what can be', async () => {
    const exclude = ['conv_2d1'];
    const { candidates } = await prune({ pattern: '2:4', match: false, exclude });
    const own = candidates[0]!.layers.find(({ node }) => node === 'conv_2d1');
    expect(own!.zeros).toEqual([0, 0]);
    const kept = await prune({ structured: 'channel', sparsity: 0.4, match: false, exclude });
    expect(kept.channels![0]).toMatchObject({ after: 16, reason: "'conv_2d1' is excluded" });
    await expect(prune({ sparsity: 0.5, exclude: ['conv'] })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/^options\.exclude: /) as string,
    });
  });

  it('says why nothing can be removed', async () => {
    const net = new Network();
    const file = path.join(folder, 'single.tflite');
    writeFileSync(file, writeTflite(net.output(net.conv(net.input(SHAPE), 8))));
    const refused = prune({ structured: 'channel', sparsity: 0.5 }, file);
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("'conv_2d0' is an output of the model") as string,
    });
  });

  it('refuses a damaged model', async () => {
    const file = path.join(folder, 'damaged.tflite');
    writeFileSync(file, Buffer.from('\x1c\0\0\0TFL3', 'latin1'));
    const refused = prune({ sparsity: 0.5 }, file);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });
});

it.each(Object.entries(ACTIVATION))('takes an activation apart: %s', async (name, activation) => {
  const net = new Network();
  const x = net.conv(net.input(SHAPE), 4, { activation });
  const bytes = writeTflite(net.output(net.conv(x, 4, { activation }), x));
  const editor = new SubgraphEditor(readTflite(bytes));
  unfuseActivations(editor);
  expect(editor.graph.operators.length).toBe(name === 'none' ? 2 : 4);
  const run = async (model: Uint8Array): Promise<unknown> => {
    const session = await InferenceSession.create(model);
    const feed = { x: new Tensor('float32', numbers(192, 5), SHAPE) };
    const found = await session.run(feed, { signature: 'serving_default' });
    await session.release();
    return Object.values(found).map((value) => Array.from(value.data as Float32Array));
  };
  expect(await run(writeTflite(editor.model))).toEqual(await run(bytes));
});
