import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { expect, it } from 'vitest';

import { readNpz } from '../../../../lib/formats/npy';
import type { Sample } from '../../../../lib/optimize/compare/sample';
import { pruneModel, type PruneCandidate } from '../../../../lib/optimize/prune/prune-model';
import type { PruneOptions } from '../../../../lib/optimize/prune/prune-options';

const digits = path.join(import.meta.dirname, '../../../fixtures/digits');
const session = { logSeverityLevel: 4, intraOpNumThreads: 1 } as const;

function samplesOf(file: string, count: number): Sample[] {
  const arrays = readNpz(readFileSync(path.join(digits, file)));
  const { data, dims: sizes } = arrays.get('image')!;
  const labels = arrays.get('labels')?.data;
  const size = sizes.slice(1).reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from(data as Float32Array);
  return Array.from({ length: count }, (_, index) => {
    const own = values.slice(index * size, (index + 1) * size);
    const image = new Tensor('float32', own, [1, ...sizes.slice(1)]);
    return { feeds: { image }, ...(labels ? { labels: [Number(labels[index])] } : {}) };
  });
}

const calibration = samplesOf('calibration.npz', 60);
const heldOut = samplesOf('heldout.npz', 120);
const outputPath = (): string =>
  path.join(mkdtempSync(path.join(tmpdir(), 'onlite-prune-')), 'pruned.onnx');

async function prune(
  model: string,
  options: Omit<PruneOptions, 'data'>,
  output = outputPath(),
): Promise<{ candidates: readonly PruneCandidate[]; output: string; holds: boolean }> {
  const { candidates, holds } = await pruneModel(path.join(digits, model), output, {
    data: () => calibration,
    heldOut: () => heldOut,
    session,
    minSpeedup: 0,
    ...options,
  });
  return { candidates, output, holds };
}

const accuracy = ({ fidelity }: PruneCandidate): number => fidelity.accuracy![1];
const zeroShare = ({ layers }: PruneCandidate): number =>
  layers.reduce((sum, { zeros }) => sum + zeros[1], 0) /
  layers.reduce((sum, { weights }) => sum + weights[1], 0);

it('matches moments: half of the weights zero, hardly less accurate', async () => {
  const { candidates, output, holds } = await prune('cnn.onnx', {
    sparsity: 0.5,
    maxAccuracyLoss: 0.03,
  });
  const [plain, matched] = candidates as [PruneCandidate, PruneCandidate];
  expect(zeroShare(matched)).toBeCloseTo(0.5, 3);
  expect(matched.fidelity.sqnr).toBeGreaterThan(plain.fidelity.sqnr + 3);
  expect(holds).toBe(true);
  const gzip = (side: 0 | 1) =>
    matched.layers.reduce((sum, layer) => sum + layer.compressedBytes[side], 0);
  expect(gzip(1)).toBeLessThan(0.65 * gzip(0));
  await using written = await InferenceSession.create(output, session);
  const { method, pattern, sparsity } = JSON.parse(
    (written.modelMetadata as { custom: Record<string, string> }).custom['onlite.pruning']!,
  ) as Record<string, unknown>;
  expect({ method, pattern, sparsity }).toEqual({
    method: 'pruned, moments matched',
    pattern: { kind: 'element' },
    sparsity: 0.5,
  });
});

it('removes channels, and makes up for them', async () => {
  const { candidates } = await prune('cnn.onnx', {
    structured: 'channel',
    sparsity: 0.3,
    force: true,
  });
  const [plain, matched] = candidates as [PruneCandidate, PruneCandidate];
  expect(accuracy(matched)).toBeGreaterThanOrEqual(accuracy(plain));
  expect(matched.fidelity.sqnr).toBeGreaterThan(plain.fidelity.sqnr);
  expect(matched.layers.map(({ weights }) => weights)).toEqual([
    [16 * 9, expect.any(Number)],
    [32 * 16 * 9, expect.any(Number)],
    [32 * 32 * 9, expect.any(Number)],
    [320, expect.any(Number)],
  ]);
  expect(matched.layers.every(({ weights }) => weights[1] <= weights[0])).toBe(true);
});

it.each<[string, Omit<PruneOptions, 'data'>, number]>([
  ['half of the weights', { sparsity: 0.5 }, 0.03],
  ['two of four', { pattern: '2:4' }, 0.04],
  ['a quarter of the channels', { structured: 'channel', sparsity: 0.25, multiple: 1 }, 0.03],
])('stays as accurate without training: %s', async (_, options, most) => {
  const { candidates } = await prune('cnn.onnx', { ...options, force: true });
  const [float, own] = candidates[1]!.fidelity.accuracy!;
  expect(own).toBeGreaterThan(accuracy(candidates[0]!));
  expect(own).toBeGreaterThanOrEqual(float - most);
});

it('has weights share values, zeros among them', async () => {
  const { candidates } = await prune('cnn.onnx', { sparsity: 0.5, clusters: 16, force: true });
  for (const { layers } of candidates) {
    expect(layers.every(({ values }) => values[1] <= 16)).toBe(true);
  }
  expect(zeroShare(candidates[1]!)).toBeCloseTo(0.5, 3);
});

it('says of N:M no more than that', async () => {
  const { output } = await prune('mlp.onnx', { pattern: '2:4', match: false, force: true });
  await using written = await InferenceSession.create(output, session);
  const { custom } = written.modelMetadata as { custom: Record<string, string> };
  const facts = JSON.parse(custom['onlite.pruning']!) as Record<string, unknown>;
  expect(facts['pattern']).toEqual({ kind: 'n:m', keep: 2, of: 4 });
  expect(Object.keys(facts)).not.toContain('sparsity');
});

it('writes nothing where a limit is not held', async () => {
  const output = outputPath();
  const { holds } = await prune('mlp.onnx', { sparsity: 0.5, minSqnr: 200 }, output);
  expect(holds).toBe(false);
  expect(() => readFileSync(output)).toThrow(/ENOENT/);
});

it('leaves what is excluded', async () => {
  const { candidates } = await prune('mlp.onnx', { pattern: '2:4', match: false });
  const [first] = candidates[0]!.layers;
  const others = await prune('mlp.onnx', {
    pattern: '2:4',
    match: false,
    exclude: [first!.node],
  });
  expect(first!.zeros[1]).toBeGreaterThanOrEqual(first!.weights[1] / 2);
  const own = others.candidates[0]!.layers.map(({ zeros }) => zeros);
  expect(own[0]![1]).toBe(own[0]![0]);
  expect(own.slice(1)).toEqual(candidates[0]!.layers.slice(1).map(({ zeros }) => zeros));
});

it.each<[string, Omit<PruneOptions, 'data'>, RegExp]>([
  ['nothing', {}, /^options\.sparsity: /],
  ['a share of 1', { sparsity: 1 }, /^options\.sparsity: /],
  ['a threshold without its method', { threshold: 1 }, /^options\.method: /],
  ['a method without its threshold', { method: 'threshold' }, /^options\.threshold: /],
  ['a share beside N:M', { pattern: '2:4', sparsity: 0.5 }, /^options\.pattern: /],
  ['a block beside channels', { structured: 'channel', pattern: '4x1' }, /^options\.pattern: /],
  ['rows of channels', { structured: 'channel', sparsity: 0.5, scope: 'row' }, /^options\.scope: /],
  ['channels without a share', { structured: 'channel' }, /^options\.sparsity: /],
  ['a multiple without channels', { sparsity: 0.5, multiple: 4 }, /^options\.multiple: /],
  [
    'a start without clusters',
    { sparsity: 0.5, clusterStart: 'linear' },
    /^options\.clusterStart: /,
  ],
  ['one cluster', { clusters: 1 }, /^options\.clusters: /],
  ['an unknown option', { sparsities: 1 } as object, /sparsities/],
])('refuses %s', async (_, options, message) => {
  const given = { data: () => calibration, ...options };
  const refused = pruneModel(path.join(digits, 'mlp.onnx'), outputPath(), given);
  await expect(refused).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(message) as string,
  });
});
