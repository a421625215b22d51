import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor, TensorPool } from 'onlite';
import { Calibrator, type CalibrationProgress, type Sample } from 'onlite/optimize';
import { describe, expect, it, vi } from 'vitest';

import { encodeOnnx, float32 } from '../../../integration/onnx-encoder';

const models = path.join(import.meta.dirname, '../../../fixtures/models');
const options = { session: { logSeverityLevel: 4 } } as const;

const value = (name: string, dims: (number | string)[]) => ({ name, type: float32, dims });
const node = (op: string, inputs: string[], output: string) => ({ op, inputs, outputs: [output] });

const model = encodeOnnx({
  inputs: [value('x', ['n', 4])],
  outputs: [value('y', ['n', 4])],
  nodes: [node('Mul', ['x', 'three'], 'h'), node('Relu', ['h'], 'r'), node('Log', ['r'], 'y')],
  initializers: [{ name: 'three', dims: [], data: Float32Array.of(3) }],
});

const sample = (...values: number[]): Sample => ({
  feeds: { x: new Tensor('float32', Float32Array.from(values), [values.length / 4, 4]) },
});
const samples = [sample(1, 2, 3, 4), sample(0, -1, -2, -3, 5, 6, 7, 8)];

const invalidWith = (message: string) => ({
  code: 'ERR_INVALID_ARGUMENT',
  message: expect.stringContaining(message) as string,
});

describe('a calibrator', () => {
  it('finds the ranges of inputs and of tensors on the way', async () => {
    await using calibrator = await Calibrator.create(model, ['x', 'h', 'r', 'y'], options);
    await calibrator.collect(samples);
    expect(calibrator.samples).toBe(2);
    expect([...calibrator.ranges()]).toEqual([
      ['x', { min: -3, max: 8 }],
      ['y', { min: Math.fround(Math.log(3)), max: Math.fround(Math.log(24)) }],
      ['h', { min: -9, max: 24 }],
      ['r', { min: 0, max: 24 }],
    ]);
    // log 0, of which nothing is said but that it was there.
    expect([...calibrator.infinities]).toEqual([['y', 4]]);
  });

  it('finds ranges by any method without another run', async () => {
    await using calibrator = await Calibrator.create(model, ['h'], options);
    const spread = Array.from({ length: 4000 }, (_, index) => Math.sin(index) ** 9);
    await calibrator.collect([sample(...spread, 0, 0, 0, 40)]);
    const whole = calibrator.ranges().get('h')!;
    expect(whole.max).toBe(120);
    for (const method of ['percentile', 'entropy', 'mse'] as const) {
      const { min, max } = calibrator
        .ranges(method === 'percentile' ? { method, percentile: 99 } : { method })
        .get('h')!;
      expect(max, method).toBeLessThanOrEqual(120);
      expect(max, method).toBeGreaterThan(0);
      expect(min, method).toBeGreaterThanOrEqual(whole.min);
    }
    expect(calibrator.ranges({ method: 'percentile', percentile: 99 }).get('h')!.max).toBeLessThan(
      4,
    );
  });

  it('takes the moments of channels', async () => {
    const moments = new Map([['h', -1]]);
    await using calibrator = await Calibrator.create(model, [], { ...options, moments });
    await calibrator.collect(samples);
    const { count, mean, variance } = calibrator.moments.get('h')!;
    expect(count).toBe(3);
    [0, 1, 2, 3].forEach((channel) => {
      const values = [
        [1, 0, 5],
        [2, -1, 6],
        [3, -2, 7],
        [4, -3, 8],
      ][channel]!.map((x) => 3 * x);
      const expected = (values[0]! + values[1]! + values[2]!) / 3;
      expect(mean[channel]).toBeCloseTo(expected, 10);
      const squares = values.reduce((sum, x) => sum + (x - expected) ** 2, 0);
      expect(variance[channel]).toBeCloseTo(squares / 3, 10);
    });
  });

  it('keeps no more of many samples than of one, and says how far it is', async () => {
    await using calibrator = await Calibrator.create(model, ['x', 'h', 'r'], options);
    await calibrator.collect([samples[0]!]);
    const { byteLength } = calibrator;
    const seen: CalibrationProgress[] = [];
    async function* many(): AsyncGenerator<Sample> {
      for (let index = 0; index < 500; index++) yield sample(index, -index, 2 ** (index / 20), 0);
    }
    await calibrator.collect(many(), { total: 500, onProgress: (each) => seen.push(each) });
    expect(calibrator.byteLength).toBe(byteLength);
    expect(byteLength).toBe(3 * 65536);
    expect(calibrator.samples).toBe(501);
    expect(seen.map(({ done }) => done)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(seen.every(({ remainingMs = -1 }) => remainingMs >= 0)).toBe(true);
    expect(seen.at(-1)!.remainingMs).toBe(0);
  });

  it('stops when it is told to, and keeps what it has', async () => {
    await using calibrator = await Calibrator.create(model, ['h'], options);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const collecting = calibrator.collect(samples, { signal: controller.signal, onProgress });
    await expect(collecting).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(calibrator.samples).toBe(1);
    expect(calibrator.ranges().get('h')).toEqual({ min: 3, max: 12 });
  });

  it('lets the next sample have the memory of the last', async () => {
    await using calibrator = await Calibrator.create(model, ['x', 'h'], options);
    const pool = new TensorPool();
    const x = pool.acquire('float32', [1, 4]);
    async function* reused(): AsyncGenerator<Sample> {
      for (let index = 0; index < 50; index++) {
        x.data.fill(index % 7);
        yield await Promise.resolve({ feeds: { x } });
        x.data.fill(NaN);
      }
    }
    await calibrator.collect(reused());
    expect([...calibrator.ranges().values()]).toEqual([
      { min: 0, max: 6 },
      { min: 0, max: 18 },
    ]);
    pool.dispose();
  });

  it('finds the same with any number of threads, and where outputs are of any size', async () => {
    // As many values as are above 0: the inputs' dims do not say how many.
    const compressing = encodeOnnx({
      inputs: [value('x', [8])],
      outputs: [value('y', ['n'])],
      nodes: [
        node('Greater', ['x', 'zero'], 'p'),
        node('Compress', ['x', 'p'], 'c'),
        node('Neg', ['c'], 'y'),
      ],
      initializers: [{ name: 'zero', dims: [], data: Float32Array.of(0) }],
    });
    const given = Array.from({ length: 40 }, (_, index): Sample => {
      const values = Float32Array.from({ length: 8 }, (_, at) =>
        Math.sin(index * 8 + at + index ** 2),
      );
      return { feeds: { x: new Tensor('float32', values, [8]) } };
    });
    const all = given.flatMap(({ feeds }) => [...(feeds['x']!.data as Float32Array)]);
    for (const intraOpNumThreads of [1, 4]) {
      const session = { ...options.session, intraOpNumThreads };
      await using calibrator = await Calibrator.create(compressing, ['x', 'y'], { session });
      await calibrator.collect(given);
      expect(Object.fromEntries(calibrator.ranges())).toEqual({
        x: { min: Math.min(...all), max: Math.max(...all) },
        y: { min: -Math.max(...all), max: -Math.min(...all.filter((each) => each > 0)) },
      });
    }
  });

  it('has one run at a time on all threads where outputs are large', async () => {
    const large = encodeOnnx({
      inputs: [value('x', ['n'])],
      outputs: [value('y', ['m', 'n'])],
      nodes: [node('Mul', ['x', 'many'], 'y')],
      initializers: [{ name: 'many', dims: [2048, 1], data: new Float32Array(2048).fill(2) }],
    });
    const session = { ...options.session, intraOpNumThreads: 4 };
    await using calibrator = await Calibrator.create(large, ['y'], { histograms: false, session });
    // 32 MiB each: two would be beside each other.
    const row = (first: number) =>
      new Tensor('float32', new Float32Array(4096).fill(first), [4096]);
    await calibrator.collect([1, -2, 3, 4].map((first) => ({ feeds: { x: row(first) } })));
    expect(calibrator.samples).toBe(4);
    expect(calibrator.ranges().get('y')).toEqual({ min: -4, max: 8 });
  });

  it('counts no run that was NaN, and those before it', async () => {
    await using calibrator = await Calibrator.create(model, ['x', 'h'], options);
    const nan = calibrator.collect([samples[0]!, sample(0, 1, NaN, 3), samples[1]!]);
    await expect(nan).rejects.toMatchObject({ code: 'ERR_RUN_FAILED' });
    expect(calibrator.samples).toBe(1);
    await calibrator.collect(samples);
    expect(calibrator.samples).toBe(3);
  });

  it('names the tensor that is NaN', async () => {
    await using calibrator = await Calibrator.create(model, ['h', 'r'], options);
    await expect(calibrator.collect([sample(1, NaN, 3, 4)])).rejects.toMatchObject({
      code: 'ERR_RUN_FAILED',
      message: expect.stringContaining("'h'"),
    });
  });

  it('sees what the runtime computes in a TensorFlow Lite model', async () => {
    const file = path.join(models, 'mlp.tflite');
    const session = await InferenceSession.create(file, options.session);
    const [input] = session.inputMetadata;
    const [output] = session.outputNames;
    if (!input?.isTensor || output === undefined) throw new Error('expected a tensor');
    const dims = input.shape.map((dim) => Number(dim) || 1);
    const size = dims.reduce((product, dim) => product * dim, 1);
    const data = Float32Array.from({ length: size }, (_, index) => Math.sin(index));
    const feeds = { [input.name]: new Tensor('float32', data, dims) };
    const result = (await session.run(feeds))[output]!.data as Float32Array;
    await session.release();
    await using calibrator = await Calibrator.create(file, [input.name, output], options);
    await calibrator.collect([{ feeds }]);
    expect(calibrator.ranges().get(input.name)).toEqual({
      min: Math.min(...data),
      max: Math.max(...data),
    });
    const { min, max } = calibrator.ranges().get(output)!;
    expect(min).toBeCloseTo(Math.min(...result), 5);
    expect(max).toBeCloseTo(Math.max(...result), 5);
  });

  it('refuses what it cannot calibrate', async () => {
    const invalid = { code: 'ERR_INVALID_ARGUMENT' };
    await expect(Calibrator.create(model, ['three'], options)).rejects.toMatchObject(invalid);
    await expect(Calibrator.create(model, ['z'], options)).rejects.toMatchObject(invalid);
    await expect(Calibrator.create(new Uint8Array(3), [], options)).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
    });
    const integers = path.join(models, 'identity_int32.onnx');
    const session = await InferenceSession.create(integers, options.session);
    const names = [...session.outputNames];
    await session.release();
    await expect(Calibrator.create(integers, names, options)).rejects.toMatchObject({
      code: 'ERR_TYPE_MISMATCH',
    });
    await using calibrator = await Calibrator.create(model, ['h'], {
      ...options,
      histograms: false,
    });
    await expect(calibrator.collect([])).rejects.toMatchObject(invalid);
    expect(() => calibrator.ranges()).toThrow(/no finite value/);
    await calibrator.collect(samples);
    expect(() => calibrator.ranges({ method: 'mse' })).toThrow(/no histogram/);
    expect(() => calibrator.ranges({ method: 'percentile', percentile: 0 })).toThrow(/percentile/);
    expect(() => calibrator.ranges({ method: 'mse', levels: 2 })).toThrow(/levels/);
    expect(() => calibrator.ranges({ method: 'median' as 'mse' })).toThrow(/method/);
  });

  it.each([
    [null, {}, 'tensors: expected an array'],
    [[5], {}, 'tensors[0]: expected a string'],
    [['h'], { moments: { h: 1 } }, 'options.moments: expected a Map'],
    [['h'], { moments: new Map([[5, 1]]) }, 'options.moments: expected a string'],
    [['h'], { histograms: 'yes' }, 'options.histograms: expected a boolean'],
  ])('says what is wrong with %j and %j', async (tensors, wrong, message) => {
    const created = Calibrator.create(model, tensors as never, { ...options, ...wrong } as never);
    await expect(created).rejects.toMatchObject(invalidWith(message));
  });

  it('says what is wrong with what it is asked', async () => {
    await using calibrator = await Calibrator.create(model, ['h'], options);
    const asked = [
      [{ onProgress: 5 }, 'options.onProgress: expected a function'],
      [{ total: NaN }, 'options.total: expected a number'],
      [{ signal: {} }, 'options.signal: expected an AbortSignal'],
    ] as const;
    for (const [wrong, message] of asked) {
      const collected = calibrator.collect(samples, wrong as never);
      await expect(collected).rejects.toMatchObject(invalidWith(message));
    }
    expect(calibrator.samples).toBe(0);
    await calibrator.collect(samples);
    expect(() => calibrator.ranges(null as never)).toThrow('method: expected an object');
    const percentile = { method: 'percentile', percentile: '5' } as never;
    expect(() => calibrator.ranges(percentile)).toThrow('percentile: expected a number');
  });

  it('lets other work go on, and ends, where nothing is run', async () => {
    await using calibrator = await Calibrator.create(model, ['x'], options);
    const many = Array.from({ length: 1000 }, () => samples[0]!);
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    const collected = calibrator.collect(many, { signal: controller.signal });
    await expect(collected).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(calibrator.samples).toBeLessThan(1000);
  });

  it.skipIf(process.platform === 'win32')(
    'has a copy of a model with external data for as long as it lives',
    async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'onlite-calibrator-'));
      vi.stubEnv('TMPDIR', folder);
      try {
        const file = path.join(models, 'external.onnx');
        const session = await InferenceSession.create(file, options.session);
        const names = [...session.outputNames];
        await session.release();
        const calibrator = await Calibrator.create(file, names, options);
        expect(readdirSync(folder)).toHaveLength(1);
        await calibrator.release();
        await expect(Calibrator.create(file, ['none'], options)).rejects.toMatchObject({
          code: 'ERR_INVALID_ARGUMENT',
        });
        expect(readdirSync(folder)).toEqual([]);
      } finally {
        vi.unstubAllEnvs();
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('takes no samples when it has been released', async () => {
    const calibrator = await Calibrator.create(model, ['x'], options);
    await calibrator.release();
    const collected = calibrator.collect(samples);
    await expect(collected).rejects.toMatchObject({ code: 'ERR_SESSION_RELEASED' });
  });
});
