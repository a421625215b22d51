import { join } from 'node:path';

import { InferenceSession, Tensor, runtimeInfo } from 'onlite';
import { describe, expect, it } from 'vitest';

import { expectError, floats, root } from './support';

const unusual = (name: string): string => join(root, 'test/fixtures/unusual', `${name}.tflite`);

const numbers = (value: unknown): number[] => Array.from((value as Tensor<'float32'>).data);

/** Rows of ones, twos and so on, which are quantised without an error. */
function rows(count: number): Tensor<'float32'> {
  const data = Float32Array.from({ length: count * 8 }, (_, index) => Math.floor(index / 8) + 1);
  return new Tensor('float32', data, [count, 8]);
}

const results = (count: number): number[] =>
  Array.from({ length: count }, (_, row) => [0, -6, -8, -1].map((y) => y * (row + 1) || 0)).flat();

/** Without the last bits, and without negative zeros. */
const plain = (values: number[]): number[] =>
  values.map((value) => Math.round(value * 1000) / 1000 || 0);

const fallbacks = [undefined, ['xnnpack', 'cpu'], [{ name: 'xnnpack', numThreads: 2 }, 'cpu']];

describe('XNNPACK takes a model and refuses its tensors', () => {
  it.each(['zero_scale', 'subnormal_scale'])('at creation: %s', async (name) => {
    for (const executionProviders of [...fallbacks, ['cpu']]) {
      await using session = await InferenceSession.create(unusual(name), {
        ...(executionProviders === undefined ? {} : { executionProviders }),
        concurrency: 2,
      });
      expect(session.executionProviders).toEqual(['cpu']);
      const both = await Promise.all([session.run({ x: rows(1) }), session.run({ x: rows(1) })]);
      for (const { y } of both) expect(plain(numbers(y))).toEqual(results(1));
      const { y } = session.runSync({ x: rows(1) });
      expect(plain(numbers(y))).toEqual(results(1));
    }
    await expectError(
      () => InferenceSession.create(unusual(name), { executionProviders: ['xnnpack'] }),
      'ERR_PROVIDER_UNAVAILABLE',
      /xnnpack.*'cpu'/,
    );
  });

  it('at the first shapes: the session goes over to the built-in kernels', async () => {
    await using session = await InferenceSession.create(unusual('zero_scale_batch'), {
      concurrency: 3,
    });
    expect(session.executionProviders).toEqual(['xnnpack', 'cpu']);
    const counts = [1, 2, 3, 4, 5, 6];
    const all = await Promise.all(counts.map((count) => session.run({ x: rows(count) })));
    for (const [index, { y }] of all.entries()) {
      expect(plain(numbers(y))).toEqual(results(counts[index] ?? 0));
    }
    expect(session.executionProviders).toEqual(['cpu']);
    using io = session.bind({ inputs: { x: rows(3) } });
    io.runSync();
    expect(plain(numbers(io.outputs['y']))).toEqual(results(3));
    await session.release();
    expect(session.executionProviders).toEqual(['cpu']);
  });

  it('in a binding first', async () => {
    await using session = await InferenceSession.create(unusual('zero_scale_batch'));
    using io = session.bind({ inputs: { x: rows(2) } });
    await io.run();
    io.setInput('x', rows(4));
    await io.run();
    expect(plain(numbers(io.outputs['y']))).toEqual(results(4));
    expect(session.executionProviders).toEqual(['cpu']);
  });

  it('and nothing else was asked for', async () => {
    await using session = await InferenceSession.create(unusual('zero_scale_batch'), {
      executionProviders: ['xnnpack'],
    });
    for (let run = 0; run < 2; run++) {
      await expectError(
        () => session.run({ x: rows(2) }),
        'ERR_PROVIDER_UNAVAILABLE',
        /xnnpack.*'cpu'/,
      );
    }
    expect(session.executionProviders).toEqual(['xnnpack', 'cpu']);
  });

  it('with some shapes only: those run on the built-in kernels', async () => {
    const tall = (height: number): Tensor<'float32'> => {
      const x = new Tensor('float32', new Float32Array(height).fill(1), [1, height, 1, 1]);
      x.data.fill(2, height / 2);
      return x;
    };
    // What XNNPACK can resize ends here.
    const refused = tall(2 ** 24);
    await using session = await InferenceSession.create(unusual('tall'));
    using io = session.bind({ inputs: { x: refused } });
    for (const x of [tall(4), refused, tall(8), refused, tall(4)]) {
      expect(numbers((await session.run({ x }))['y'])).toEqual([1, 2]);
      expect(session.executionProviders).toEqual(['xnnpack', 'cpu']);
      await io.run();
      expect(numbers(io.outputs['y'])).toEqual([1, 2]);
    }
    await using alone = await InferenceSession.create(unusual('tall'), {
      executionProviders: ['xnnpack'],
    });
    await expectError(() => alone.run({ x: refused }), 'ERR_PROVIDER_UNAVAILABLE', /'cpu'/);
    expect(numbers((await alone.run({ x: tall(4) }))['y'])).toEqual([1, 2]);
  });

  it('in a profile', async () => {
    await using session = await InferenceSession.create(unusual('zero_scale_batch'));
    const profile = await session.profile({ x: rows(2) }, { runs: 2 });
    expect(profile.operators.map(({ type }) => type)).toEqual(['FULLY_CONNECTED']);
  });
});

describe('weights of four bits', () => {
  const version = (): string => runtimeInfo().runtimes.tflite.version ?? '';

  it.each([
    ['int4_conv', /^CONV_2D: TensorFlow Lite 2\.17\.1 .*int4 weights and float32 .*'w'/],
    ['int4_blocks', /^FULLY_CONNECTED: TensorFlow Lite 2\.17\.1 .*in blocks .*'w'/],
  ])('%s is refused by a library that cannot', async (name, message) => {
    for (const executionProviders of [['xnnpack', 'cpu'], ['xnnpack'], ['cpu']]) {
      await expectError(
        () => InferenceSession.create(unusual(name), { executionProviders }),
        'ERR_UNSUPPORTED',
        message,
      );
    }
    expect(version()).toBe('2.17.1');
  });

  it('runs on XNNPACK what the built-in kernels would compute wrongly', async () => {
    const x = new Tensor('float32', new Float32Array(64).fill(1), [1, 64]);
    await expectError(
      () => InferenceSession.create(unusual('int4_dense'), { executionProviders: ['cpu'] }),
      'ERR_UNSUPPORTED',
      /^FULLY_CONNECTED: .*int4 weights and float32 .*XNNPACK can/,
    );
    await using session = await InferenceSession.create(unusual('int4_dense'));
    const { y } = await session.run({ x });
    // Of tflite_unusual.py's weights: each row's sum times its scale.
    const expected = [
      -4.75, -8.765625, -19.96875, -16.328125, -0.625, -13.78125, -23.71875, -26.953125,
    ];
    for (const [row, value] of numbers(y).entries()) {
      expect(value).toBeCloseTo(expected[row] ?? NaN, 3);
    }
  });
});

describe('resizeInputs', () => {
  const image = (height: number, width: number): Tensor<'float32'> =>
    new Tensor(
      'float32',
      Float32Array.from({ length: height * width }, (_, index) => index),
      [1, height, width, 1],
    );

  it.each(['xnnpack', 'cpu'])('feeds other sizes than the fixed ones on %s', async (name) => {
    const path = unusual('fixed_pool');
    const executionProviders = [name];
    await using fixed = await InferenceSession.create(path, { executionProviders });
    await expectError(
      () => fixed.run({ x: image(6, 4) }),
      'ERR_SHAPE_MISMATCH',
      'inputs.x.dims[1]: expected 4, got 6',
    );
    await using session = await InferenceSession.create(path, {
      executionProviders,
      resizeInputs: true,
      concurrency: 2,
    });
    expect(session.inputMetadata).toEqual(fixed.inputMetadata);
    expect(session.outputMetadata).toEqual(fixed.outputMetadata);
    for (let round = 0; round < 2; round++) {
      for (const [x, dims, expected] of [
        [image(4, 4), [1, 2, 2, 1], [5, 7, 13, 15]],
        [image(6, 4), [1, 3, 2, 1], [5, 7, 13, 15, 21, 23]],
        [image(2, 2), [1, 1, 1, 1], [3]],
      ] as const) {
        for (const y of [
          (await session.run({ x }))['y'],
          session.runSync({ x })['y'],
          (await session.run({ x }, ['y'], { timeoutMs: 60_000 }))['y'],
        ]) {
          expect((y as Tensor).dims).toEqual(dims);
          expect(numbers(y)).toEqual(expected);
        }
        using io = session.bind({ inputs: { x } });
        io.runSync();
        await io.run();
        expect(io.outputs['y']?.dims).toEqual(dims);
        expect(numbers(io.outputs['y'])).toEqual(expected);
      }
    }
    using io = session.bind({ dims: { x: [1, 6, 4, 1], y: [1, 3, 2, 1] } });
    (io.inputs['x'] as Tensor<'float32'>).data.set(image(6, 4).data);
    const bound = io.outputs['y'];
    io.runSync();
    expect(io.outputs['y']).toBe(bound);
    expect(numbers(bound)).toEqual([5, 7, 13, 15, 21, 23]);
  });

  it('refuses what the model cannot do at a size', async () => {
    await using session = await InferenceSession.create(unusual('fixed_pool'), {
      resizeInputs: true,
    });
    await expectError(() => session.run({ x: image(1, 4) }), 'ERR_SHAPE_MISMATCH', /^inputs\.x/);
    await expectError(
      () => session.run({ x: floats(1, 2, 3, 4) }),
      'ERR_SHAPE_MISMATCH',
      /^inputs\.x\.dims/,
    );
    await using dense = await InferenceSession.create(unusual('zero_scale'), {
      resizeInputs: true,
    });
    expect(plain(numbers((await dense.run({ x: rows(3) }))['y']))).toEqual(results(3));
  });

  it('is refused for ONNX, and must be a boolean', async () => {
    const onnx = join(root, 'test/fixtures/models/add4.onnx');
    await expectError(
      () => InferenceSession.create(onnx, { resizeInputs: true }),
      'ERR_UNSUPPORTED',
      /^options\.resizeInputs/,
    );
    await (await InferenceSession.create(onnx, { resizeInputs: false })).release();
    await expectError(
      () => InferenceSession.create(onnx, { resizeInputs: 1 as unknown as boolean }),
      'ERR_INVALID_ARGUMENT',
      /^options\.resizeInputs/,
    );
  });
});
