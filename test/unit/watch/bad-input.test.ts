import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, OnliteError, Tensor, dequantize } from 'onlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  ModelWatch,
  Profiler,
  classificationQuality,
  readProfile,
  watch,
  type ReferenceProfile,
  type RowTensor,
  type RowTensors,
  type StartedRequest,
  type WatchOptions,
} from '../../../lib/watch';

const models = join(import.meta.dirname, '../../fixtures/models');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-watch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tensor = (type: string, dims: number[], data: ArrayLike<unknown>): RowTensor => ({
  type,
  dims,
  data,
});
const x = (...values: number[]): RowTensors => ({
  x: tensor('float32', [1, values.length], values),
});
const scores = (...values: number[]): RowTensors => ({
  y: tensor('float32', [1, values.length], values),
});

async function opened(options: Partial<WatchOptions> = {}): Promise<ModelWatch> {
  return ModelWatch.open({ model: 'm', sample: 1, ...options });
}

/** Of numbers, of categories, and of values that are all missing. */
function profile(): ReferenceProfile {
  const profiler = new Profiler();
  for (let row = 0; row < 200; row++) {
    profiler.add({ number: row, category: row % 2 === 0 ? 'even' : 'odd', none: NaN }, row % 3);
  }
  return JSON.parse(JSON.stringify(profiler.finish('categorical'))) as ReferenceProfile;
}

describe('a request', () => {
  it('of no outputs, or one that cannot be one of so many, is counted and throws nothing', async () => {
    for (const sample of [1, undefined]) {
      const model = await ModelWatch.open({ model: 'm', ...(sample !== undefined && { sample }) });
      const inputs = { x: tensor('float32', [1, 1], new Float32Array(1)) };
      model.record({ inputs, outputs: null as never });
      for (const weight of [NaN, -1, 0.5, Infinity, 'x', 2n] as number[]) {
        model.record({ inputs, outputs: inputs, weight });
      }
      model.record({ inputs, outputs: inputs, time: 5n as never });
      model.record({ inputs, outputs: inputs, weight: 2 });
      expect(model.report()).toMatchObject({ unread: 8, requests: 3, outputs: { rows: 2 } });
      expect(model.report().lastFailure).toMatch(/^time: expected/);
    }
  });

  it('is not read where it has so many rows that others would wait for it', async () => {
    const model = await opened();
    const all = (rows: number): RowTensors => ({
      x: tensor('float32', [rows, 1], new Float32Array(rows)),
    });
    model.record({ requestId: 'a', inputs: all(10_000), outputs: all(10_000) });
    expect(model.report()).toMatchObject({ unread: 0, rows: 10_000, labels: { pending: 10_000 } });
    model.record({ requestId: 'b', inputs: all(10_001), outputs: all(10_001) });
    expect(model.report()).toMatchObject({
      unread: 1,
      requests: 2,
      rows: 10_000,
      labels: { pending: 10_000 },
      lastFailure: 'inputs: 10001 rows, and of more than 10000 none is looked at',
    });
  });

  it('may have no rows', async () => {
    const model = await opened();
    const none = { x: tensor('float32', [0, 3], []), y: tensor('float32', [0, 2], []) };
    model.record({ requestId: 'r', inputs: none, outputs: none });
    expect(model.report()).toMatchObject({ unread: 0, rows: 0, labels: { pending: 0 } });
  });

  it('of whose rows nothing can be right does not wait for a label, and is counted', async () => {
    const model = await opened();
    model.record({ requestId: 'r', inputs: x(1), outputs: scores(NaN, 0.5) });
    const half = { y: tensor('float16', [1, 2], Uint16Array.of(0x7e00, 0)) };
    model.record({ requestId: 's', inputs: x(1), outputs: half });
    expect(model.report()).toMatchObject({
      unread: 0,
      outputs: { rows: 2, nan: 2 },
      labels: { pending: 0 },
    });
  });

  it('may have sequences of maps among its outputs, as scikit-learn’s classifiers have', async () => {
    const model = await opened();
    const maps = [new Map([[0n, 0.5]])] as unknown as RowTensor;
    const outputs = { label: tensor('int64', [1], BigInt64Array.of(1n)), probabilities: maps };
    model.record({ requestId: 'r', inputs: x(1), outputs });
    expect(model.label('r', 1)).toBe(true);
    expect(model.report()).toMatchObject({ unread: 0, quality: [{ quality: { accuracy: 1 } }] });
  });

  it('may have scalars beside its rows', async () => {
    const model = await opened();
    const inputs = { x: tensor('float32', [3, 1], [1, 2, 3]), limit: tensor('float32', [], [0.5]) };
    model.record({ inputs, outputs: { y: tensor('float32', [3, 1], [1, 2, 3]) } });
    expect(model.report()).toMatchObject({ unread: 0, rows: 3 });
  });

  it('that cannot be understood is counted and said, and what waits goes on waiting', async () => {
    const model = await opened();
    model.record({ requestId: 'r', inputs: x(1), outputs: scores(0.2, 0.8) });
    const nothing: RowTensors | undefined = undefined;
    const wrong: [StartedRequest & { outputs?: RowTensors }, string][] = [
      [{ time: NaN, inputs: x(1), outputs: scores(0, 1) }, 'time: expected milliseconds'],
      [{ time: 1e300, inputs: x(1), outputs: scores(0, 1) }, 'time: expected milliseconds'],
      [{ inputs: x(1), outputs: {} }, 'outputs: none of'],
      [{ inputs: nothing!, outputs: scores(0, 1) }, ''],
    ];
    for (const [index, [request, message]] of wrong.entries()) {
      model.record(request);
      const { unread, lastFailure } = model.report();
      expect(unread).toBe(index + 1);
      expect(lastFailure).toContain(message);
    }
    expect(model.label('r', 1)).toBe(true);
  });

  it('of many classes has its class alone', async () => {
    const model = await opened({ labels: { path: join(folder, 'journal') } });
    const many = Float32Array.from({ length: 5000 }, (_, index) => (index === 4321 ? 1 : 0));
    model.record({
      requestId: 'r',
      inputs: x(1),
      outputs: { y: tensor('float32', [1, 5000], many) },
    });
    await model.close();
    expect(readFileSync(join(folder, 'journal'), 'utf8')).toMatch(/\{"value":4321\}\]\n$/);
  });
});

describe('labels', () => {
  it('are finite numbers or strings', async () => {
    const model = await opened();
    for (const wrong of [NaN, Infinity, null, undefined]) {
      expect(() => model.label('r', wrong!)).toThrow('label: expected a finite number');
    }
  });

  it('of a regression are known for such before the first request after a restart', async () => {
    const labels = { path: join(folder, 'journal') };
    const before = await opened({ labels });
    for (let row = 0; row < 9; row++) {
      before.record({ requestId: `r${row}`, inputs: x(1), outputs: scores(row + 0.5) });
      before.label(`r${row}`, row);
    }
    await before.close();
    // A journal is written anew at the start; what it had of both was told of then.
    const after = await opened({ labels });
    expect(after.report().quality[0]!.quality).toMatchObject({ meanAbsoluteError: 0.5 });
    await after.close();
  });

  it('of more classes than a matrix may have are counted without one', () => {
    const rows = Array.from({ length: 3000 }, (_, row) => ({
      prediction: { value: row },
      label: row % 2 === 0 ? row : -row,
    }));
    const { accuracy, classes, confusionMatrix } = classificationQuality(rows, 0.95);
    expect([accuracy, classes.length, confusionMatrix.length]).toEqual([0.5, 4500, 0]);
  });
});

describe('a profile', () => {
  const numbersOf = (made: ReferenceProfile): { edges: unknown; counts: unknown } =>
    made.features[0]!.numbers as unknown as { edges: unknown; counts: unknown };
  const wrong: Record<string, [string, (made: ReferenceProfile) => unknown]> = {
    'features are no list': ['profile.features', (made) => Object.assign(made, { features: {} })],
    'a feature is null': [
      'profile.features[0]',
      (made) => Object.assign(made.features, { 0: null }),
    ],
    'edges are no numbers': [
      'profile.features[0]',
      (made) => Object.assign(numbersOf(made), { edges: ['a'] }),
    ],
    'counts are not as many as bins': [
      'profile.features[0]',
      (made) => Object.assign(numbersOf(made), { counts: [1] }),
    ],
    'a sample has another type': [
      'profile.features[0]',
      (made) => Object.assign(made.features[0]!, { sample: ['a'] }),
    ],
    'categories are no pairs': [
      'profile.features[1]',
      (made) => Object.assign(made.features[1]!, { categories: [null] }),
    ],
    'predictions are no column': [
      'profile.predictions',
      (made) => Object.assign(made, { predictions: 'none' }),
    ],
  };

  it.each(Object.entries(wrong))('whose %s is refused', async (_, [path, change]) => {
    const made = profile();
    change(made);
    await expect(opened({ profile: made })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(`${path}: expected`) as string,
    });
  });

  it('that is not there or no JSON is refused by its path', async () => {
    writeFileSync(join(folder, 'text'), 'text');
    for (const name of ['none', 'text']) {
      await expect(readProfile(join(folder, name))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(join(folder, name)) as string,
      });
    }
  });

  it('has features that are all missing, and of another kind than the method', async () => {
    const model = await opened({ profile: profile(), drift: { method: 'ks' } });
    for (let row = 0; row < 200; row++) {
      const inputs = {
        number: tensor('float32', [1, 1], [row]),
        category: tensor('string', [1, 1], [row % 2 === 0 ? 'even' : 'odd']),
        none: tensor('float32', [1, 1], [row]),
      };
      model.record({ inputs, outputs: { y: tensor('int32', [1], [row % 3]) } });
    }
    const { drift, unread } = model.report();
    expect(unread).toBe(0);
    expect(drift!.features.map(({ name, method }) => [name, method])).toEqual([
      ['number', 'ks'],
      ['category', 'z'],
    ]);
    expect(drift!.driftedShare).toBe(0);
  });

  it('is compared by methods that its features have', async () => {
    const drift = { method: { category: 'ks' as const } };
    await expect(opened({ profile: profile(), drift })).rejects.toThrow('drift.method.category');
    const threshold = { numbers: 1 };
    await expect(opened({ profile: profile(), drift: { threshold } })).rejects.toThrow(
      "drift.threshold: expected names of the profile's features, got 'numbers'",
    );
  });
});

describe('files', () => {
  it('have to have paths', async () => {
    await expect(opened({ log: { path: '' } })).rejects.toThrow('log.path: expected a path');
    await expect(opened({ labels: { path: '' } })).rejects.toThrow('labels.path: expected a path');
  });

  it('that cannot be written cost their lines, and the report says why', async () => {
    writeFileSync(join(folder, 'file'), '');
    const model = await opened({ log: { path: join(folder, 'file', 'log.jsonl') } });
    model.record({ inputs: x(1), outputs: scores(0, 1) });
    await model.flush();
    const { log } = model.report();
    expect(log).toMatchObject({ written: 0, dropped: 1 });
    expect(log.failure).toMatch(/ENOTDIR|EEXIST|ENOENT/);
    await model.close();
  });

  it('leave nothing behind where a journal cannot be written anew', async () => {
    const path = join(folder, 'journal');
    mkdirSync(path);
    await expect(opened({ labels: { path } })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    expect(readdirSync(folder)).toEqual(['journal']);
  });
});

describe('a session with quantised values', () => {
  it('is watched by the real numbers that they stand for', async () => {
    const session = await InferenceSession.create(join(models, 'conv_int8.tflite'));
    const watched = await watch(session, { model: 'm', log: { path: join(folder, 'log.jsonl') } });
    const data = Int8Array.from({ length: 768 }, (_, index) => (index * 7) % 256);
    const outputs = await watched.run({ x: new Tensor('int8', data, [1, 16, 16, 3]) });
    await watched.watch.close();
    const line = JSON.parse(readFileSync(join(folder, 'log.jsonl'), 'utf8')) as {
      features: Record<string, number>;
      prediction: number;
      scores: number[];
    };
    const [input, output] = [session.inputMetadata[0], session.outputMetadata[0]];
    if (!input?.isTensor || !output?.isTensor) throw new Error('expected tensors');
    const logits = Array.from(dequantize(outputs.Identity!, output.quantization!).data);
    const powers = logits.map(Math.exp);
    const sum = powers.reduce((all, value) => all + value, 0);
    expect(line.prediction).toBe(logits.indexOf(Math.max(...logits)));
    for (const [index, score] of line.scores.entries()) {
      expect(score).toBeCloseTo(powers[index]! / sum, 6);
    }
    const real = dequantize(new Tensor('int8', data, [256, 3]), input.quantization!).data;
    const red = Array.from(real).filter((_, index) => index % 3 === 0);
    const mean = red.reduce((all, value) => all + value, 0) / red.length;
    expect(line.features['x.channel0.mean']).toBeCloseTo(mean, 5);
    await session.release();
  });

  it('has no saturated rows where most probabilities are 0', async () => {
    const model = await opened();
    const quantization = { scale: [1 / 256], zeroPoint: [-128] };
    const softmax = Int8Array.of(-128, -128, 127, -128);
    const y = tensor('int8', [1, 4], softmax);
    model.record({ requestId: 'r', inputs: x(1), outputs: { y: { ...y, quantization } } });
    expect(model.report()).toMatchObject({ unread: 0, outputs: { rows: 1, saturated: 0 } });
    expect(model.label('r', 2)).toBe(true);
    expect(model.report().quality[0]!.quality).toMatchObject({ accuracy: 1 });
    const clipped = { ...tensor('int8', [1, 4], Int8Array.of(127, 127, 127, -128)), quantization };
    model.record({ inputs: x(1), outputs: { y: clipped } });
    expect(model.report().outputs.saturated).toBe(1);
  });

  it('throws the run’s own error for feeds that are none', async () => {
    const session = await InferenceSession.create(join(models, 'conv_int8.tflite'));
    const watched = await watch(session, { model: 'm' });
    for (const feeds of [null, undefined, {}, { x: null }, { x: 5 }]) {
      await expect(watched.run(feeds as never)).rejects.toMatchObject({ name: 'OnliteError' });
      expect(() => watched.runSync(feeds as never)).toThrow(OnliteError);
    }
    await session.release();
    await expect(watched.run({})).rejects.toMatchObject({ name: 'OnliteError' });
  });
});
