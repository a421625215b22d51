import { EventEmitter } from 'node:events';

import { Tensor as CommonTensor } from 'onnxruntime-common';
import { InferenceSession, Tensor, type OnnxValue, type RunOptions } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectError, fixture, floats } from './support';

type Runner = (
  session: InferenceSession,
  feeds: unknown,
  ...rest: unknown[]
) => Promise<Record<string, Tensor>>;

/** Both ways to run, so that every case is tested on each. */
const runners: [string, Runner][] = [
  [
    'run',
    (session, feeds, ...rest) =>
      (session.run as (...args: unknown[]) => Promise<Record<string, Tensor>>).call(
        session,
        feeds,
        ...rest,
      ),
  ],
  [
    'runSync',

    async (session, feeds, ...rest) =>
      (session.runSync as (...args: unknown[]) => Record<string, Tensor>).call(
        session,
        feeds,
        ...rest,
      ),
  ],
];

describe.each(runners)('%s', (name, run) => {
  describe.each(['add4.onnx', 'add4.tflite'])('of %s', (file) => {
    let session: InferenceSession;
    let a: string;
    let b: string;
    let sum: string;
    beforeAll(async () => {
      session = await InferenceSession.create(fixture(file));
      [a, b] = session.inputNames as [string, string];
      [sum] = session.outputNames as [string];
    });
    afterAll(() => session.release());

    const feeds = (): Record<string, Tensor> => ({
      [a]: floats(1, 2, 3, 4),
      [b]: floats(10, 20, 30, 40),
    });

    it('gives the outputs', async () => {
      const result = await run(session, feeds());
      expect(Object.keys(result)).toEqual([sum]);
      expect(result[sum]).toBeInstanceOf(Tensor);
      expect(result[sum]).toMatchObject({ type: 'float32', dims: [4], size: 4, location: 'cpu' });
      expect(result[sum]?.data).toEqual(Float32Array.of(11, 22, 33, 44));
    });

    it('gives each tensor a right-sized buffer of its own', async () => {
      const { data } = (await run(session, feeds()))[sum] as Tensor<'float32'>;
      expect([data.byteOffset, data.buffer.byteLength]).toEqual([0, 16]);
    });

    it('takes anything that looks like a tensor', async () => {
      const buffer = new SharedArrayBuffer(64);
      const shared = new Float32Array(buffer, 8, 4);
      shared.set([1, 2, 3, 4]);
      const result = await run(session, {
        [a]: { type: 'float32', data: shared, dims: [4] },
        [b]: new CommonTensor('float32', [10, 20, 30, 40]),
      });
      expect(result[sum]?.data).toEqual(Float32Array.of(11, 22, 33, 44));
    });

    it('writes into a given tensor and returns it', async () => {
      const given = floats(0, 0, 0, 0);
      const result = await run(session, feeds(), { [sum]: given });
      expect(result[sum]).toBe(given);
      expect(given.data).toEqual(Float32Array.of(11, 22, 33, 44));
      expect((await run(session, feeds(), { [sum]: null }))[sum]?.data).toEqual(given.data);
      expect((await run(session, feeds(), [sum], { tag: 'x' }))[sum]?.data).toEqual(given.data);
    });

    const wrong: [string, () => unknown[], string, (a: string) => string][] = [
      ['no feeds', () => [undefined], 'ERR_INVALID_ARGUMENT', () => 'feeds: '],
      ['an array', () => [[]], 'ERR_INVALID_ARGUMENT', () => 'feeds: '],
      [
        'a missing feed',
        () => [{ [a]: floats(1, 2, 3, 4) }],
        'ERR_INVALID_ARGUMENT',
        () => `inputs.${b}`,
      ],
      [
        'an unknown feed',
        () => [{ ...feeds(), x: floats(1) }],
        'ERR_INVALID_ARGUMENT',
        () => 'inputs.x: ',
      ],
      ['a number', () => [{ ...feeds(), [a]: 1 }], 'ERR_INVALID_ARGUMENT', () => `inputs.${a}: `],
      [
        'a wrong element type',
        () => [{ ...feeds(), [a]: new Tensor('int32', [1, 2, 3, 4]) }],
        'ERR_TYPE_MISMATCH',
        () => `inputs.${a}.type: expected float32, got int32`,
      ],
      [
        'a wrong dim',
        () => [{ ...feeds(), [a]: floats(1, 2, 3) }],
        'ERR_SHAPE_MISMATCH',
        () => `inputs.${a}.dims[0]: expected 4, got 3`,
      ],
      [
        'a wrong rank',
        () => [{ ...feeds(), [a]: floats(1, 2, 3, 4).reshape([2, 2]) }],
        'ERR_SHAPE_MISMATCH',
        () => `inputs.${a}.dims`,
      ],
      [
        'too little data',
        () => [{ ...feeds(), [a]: { type: 'float32', data: new Float32Array(3), dims: [4] } }],
        'ERR_SHAPE_MISMATCH',
        () => `inputs.${a}.data: expected 4 elements for dims [4], got 3`,
      ],
      [
        'another array class',
        () => [{ ...feeds(), [a]: { type: 'float32', data: new Uint8Array(16), dims: [4] } }],
        'ERR_TYPE_MISMATCH',
        () => `inputs.${a}.data: expected a Float32Array`,
      ],
      [
        'a fractional dim',
        () => [{ ...feeds(), [a]: { type: 'float32', data: new Float32Array(4), dims: [4.5] } }],
        'ERR_INVALID_ARGUMENT',
        () => `inputs.${a}.dims[0]: expected a non-negative integer, got 4.5`,
      ],
      [
        'a negative dim',
        () => [{ ...feeds(), [a]: { type: 'float32', data: new Float32Array(4), dims: [-4] } }],
        'ERR_INVALID_ARGUMENT',
        () => `inputs.${a}.dims[0]`,
      ],
      [
        'huge dims',
        () => [
          {
            ...feeds(),
            [a]: { type: 'float32', data: new Float32Array(4), dims: [2 ** 40, 2 ** 40] },
          },
        ],
        'ERR_INVALID_ARGUMENT',
        () => `inputs.${a}.dims: too many`,
      ],
      [
        'an unknown fetch',
        () => [feeds(), ['nope']],
        'ERR_INVALID_ARGUMENT',
        () => 'fetches: expected one of',
      ],
      ['no fetches', () => [feeds(), []], 'ERR_INVALID_ARGUMENT', () => 'fetches: '],
      [
        'the same fetch twice',
        () => [feeds(), [sum, sum]],
        'ERR_INVALID_ARGUMENT',
        () => 'fetches: ',
      ],
      [
        'an unknown option',
        () => [feeds(), { fast: true }],
        'ERR_INVALID_ARGUMENT',
        () => 'options: ',
      ],
      [
        'an unknown signature',
        () => [feeds(), { signature: 'x' }],
        'ERR_INVALID_ARGUMENT',
        () => 'options.signature',
      ],
      [
        'terminate',
        () => [feeds(), { terminate: true }],
        'ERR_CANCELLED',
        () => 'the run was cancelled',
      ],
      [
        'a given tensor of another shape',
        () => [feeds(), { [sum]: floats(0, 0, 0) }],
        'ERR_SHAPE_MISMATCH',
        () => `outputs.${sum}.dims`,
      ],
      [
        'a given tensor of another type',
        () => [feeds(), { [sum]: new Tensor('int32', [0, 0, 0, 0]) }],
        'ERR_TYPE_MISMATCH',
        () => `outputs.${sum}.type`,
      ],
    ];
    it.each(wrong)('refuses %s', async (_, args, code, message) => {
      const start = message(a).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      const [first, ...rest] = args();
      await expectError(() => run(session, first, ...rest), code, new RegExp(`^${start}`));
      // Nothing is lost: the session goes on.
      expect((await run(session, feeds()))[sum]?.data).toEqual(Float32Array.of(11, 22, 33, 44));
    });

    it('refuses a detached buffer', async () => {
      const tensor = floats(1, 2, 3, 4);
      structuredClone(tensor.data, { transfer: [tensor.data.buffer as ArrayBuffer] });
      await expectError(
        () => run(session, { ...feeds(), [a]: tensor }),
        'ERR_BUFFER_DETACHED',
        `inputs.${a}.data: detached`,
      );
    });

    it('refuses a disposed tensor', async () => {
      const tensor = floats(1, 2, 3, 4);
      tensor.dispose();
      await expectError(
        () => run(session, { ...feeds(), [a]: tensor }),
        'ERR_TENSOR_DISPOSED',
        /disposed/,
      );
    });
  });

  it('gives only the requested outputs, under their own names', async () => {
    for (const file of ['many_outputs.onnx', 'many_outputs.tflite']) {
      const session = await InferenceSession.create(fixture(file));
      const feeds = Object.fromEntries(
        session.inputMetadata.map((input, index) => {
          const size = input.isTensor && typeof input.shape[0] === 'number' ? input.shape[0] : 2;
          return [input.name, new Tensor('float32', new Float32Array(size).fill(index + 1))];
        }),
      );
      const all = await run(session, feeds);
      const wanted = [session.outputNames[7], session.outputNames[2]] as string[];
      const some = await run(session, feeds, wanted);
      expect(Object.keys(some)).toEqual(wanted);
      for (const output of wanted) expect(some[output]?.data).toEqual(all[output]?.data);
      expect(some[wanted[0] ?? '']?.data).not.toEqual(some[wanted[1] ?? '']?.data);
      await session.release();
    }
  });

  it('follows the dims of its feeds', async () => {
    for (const file of ['mlp.onnx', 'mlp.tflite']) {
      const session = await InferenceSession.create(fixture(file));
      for (const batch of [1, 5, 2, 5]) {
        const x = new Tensor('float32', new Float32Array(batch * 16).fill(0.5), [batch, 16]);
        const output = Object.values(await run(session, { x }))[0];
        expect(output?.dims).toEqual([batch, 4]);
        expect(output?.data.slice(0, 4)).toEqual(output?.data.slice(-4));
      }
      await session.release();
    }
  });

  it('lets an optional ONNX input out', async () => {
    const session = await InferenceSession.create(fixture('optional_input.onnx'));
    const values = await run(session, { maybe: floats(1, 2) });
    expect(Array.from(values['has']?.data as Uint8Array)).toEqual([1]);
    for (const feeds of [{}, { maybe: null }, { maybe: undefined }]) {
      expect(Array.from((await run(session, feeds))['has']?.data as Uint8Array)).toEqual([0]);
    }
    await session.release();
  });

  it('gives ONNX sequences as arrays', async () => {
    const session = await InferenceSession.create(fixture('sequence.onnx'));
    const result = (await run(session, {
      x: new Tensor('float32', [1, 2, 3, 4, 5, 6], [3, 2]),
      parts: new Tensor('int64', [1, 2]),
      word: new Tensor('string', ['hé\0llo']),
    })) as unknown as Record<string, OnnxValue>;
    const pieces = result['pieces'] as Tensor[];
    expect(pieces.map((piece) => piece.dims)).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(pieces[1]?.data).toEqual(Float32Array.of(3, 4, 5, 6));
    expect((result['words'] as Tensor[]).every((word) => word.type === 'string')).toBe(true);
    await session.release();
  });

  it('runs signatures under their own names', async () => {
    const session = await InferenceSession.create(fixture('counter_signatures.tflite'));
    expect(session.hasVariables).toBe(true);
    expect(Object.keys(session.signatures)).toEqual(['add', 'get', 'put']);
    const now = async (feeds: unknown, signature: string): Promise<number | undefined> =>
      ((await run(session, feeds, { signature }))['now']?.data as Float32Array)[0];
    expect(await now({ to: floats(5) }, 'put')).toBe(5);
    expect(await now({ by: floats(2) }, 'add')).toBe(7);
    expect(await now({}, 'get')).toBe(7);
    await session.resetVariables();
    const fresh = await now({}, 'get');
    expect(fresh).not.toBe(7);
    await now({ to: floats(9) }, 'put');
    session.resetVariablesSync();
    expect(await now({}, 'get')).toBe(fresh);
    await expectError(
      () => run(session, { to: floats(1) }, { signature: 'add' }),
      'ERR_INVALID_ARGUMENT',
      /^inputs\.to: .*expected by$/,
    );
    await session.release();
  });

  it('records its latency', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'));
    const feeds = { a: floats(1, 2, 3, 4), b: floats(1, 2, 3, 4) };
    for (let index = 0; index < 20; index++) await run(session, feeds);
    const { invoke, total, queue } = session.latency;
    const snapshot = total.snapshot();
    expect(snapshot.count).toBe(20);
    expect(queue.snapshot().count).toBe(name === 'run' ? 20 : 0);
    expect(invoke.percentile(50)).toBeGreaterThan(0);
    expect(invoke.percentile(50)).toBeLessThanOrEqual(total.percentile(100));
    const { min, p50, p90, p99, max } = snapshot;
    expect([min, p50, p90, p99, max]).toEqual([min, p50, p90, p99, max].sort((x, y) => x - y));
    session.latency.reset();
    expect(session.latency.total.snapshot()).toMatchObject({ count: 0, min: 0, max: 0, mean: 0 });
    await session.release();
  });

  it('records nothing with latency: false', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'), { latency: false });
    await run(session, { a: floats(1, 2, 3, 4), b: floats(1, 2, 3, 4) });
    expect(session.latency.total.snapshot().count).toBe(0);
    await session.release();
  });
});

it('refuses signal and timeoutMs in a synchronous run', async () => {
  const session = await InferenceSession.create(fixture('add4.onnx'));
  const feeds = { a: floats(1, 2, 3, 4), b: floats(1, 2, 3, 4) };
  const options: RunOptions[] = [{ signal: new AbortController().signal }, { timeoutMs: 5 }];
  for (const option of options) {
    await expectError(() => session.runSync(feeds, option), 'ERR_INVALID_ARGUMENT', /^options\./);
  }
  await session.release();
});

it('is cancelled by a signal that fires while its feeds are read', async () => {
  const session = await InferenceSession.create(fixture('add4.onnx'));
  const controller = new AbortController();
  const feeds = {
    a: floats(1, 2, 3, 4),
    get b() {
      controller.abort();
      return floats(1, 2, 3, 4);
    },
  };
  const { signal } = controller;
  await expectError(() => session.run(feeds, { signal }), 'ERR_CANCELLED', /cancelled/);
  await session.release();
});

it('is cancelled by a signal that calls its listeners as it likes', async () => {
  // As the package node-abort-controller's does: by an EventEmitter.
  class OtherSignal {
    readonly emitter = new EventEmitter();
    readonly aborted = false;
    readonly [Symbol.toStringTag] = 'AbortSignal';
    addEventListener(name: string, listener: () => void): void {
      this.emitter.on(name, listener);
    }
    removeEventListener(name: string, listener: () => void): void {
      this.emitter.off(name, listener);
    }
  }
  const session = await InferenceSession.create(fixture('add4.onnx'));
  const feeds = { a: floats(1, 2, 3, 4), b: floats(1, 2, 3, 4) };
  const signal = new OtherSignal();
  const running = session.run(feeds, { signal: signal as unknown as AbortSignal });
  signal.emitter.emit('abort');
  await expectError(() => running, 'ERR_CANCELLED', /cancelled/);
  await session.release();
});

it('lets a caller reuse its feeds as soon as run has returned', async () => {
  for (const file of ['add4.onnx', 'add4.tflite']) {
    const session = await InferenceSession.create(fixture(file));
    const [a, b] = session.inputNames as [string, string];
    const data = new Float32Array(4);
    const one = floats(1, 1, 1, 1);
    const pending = Array.from({ length: 32 }, (_, index) => {
      data.fill(index);
      return session.run({ [a]: new Tensor('float32', data), [b]: one });
    });
    data.fill(NaN);
    for (const [index, result] of (await Promise.all(pending)).entries()) {
      expect(Object.values(result)[0]?.data).toEqual(new Float32Array(4).fill(index + 1));
    }
    await session.release();
  }
});
