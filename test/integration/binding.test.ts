import { InferenceSession, Tensor, TensorPool, type IoBinding as Binding } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectError, fixture, floats } from './support';

type Floats = Record<string, Tensor<'float32'>>;

describe.each(['add4.onnx', 'add4.tflite'])('a binding of %s', (file) => {
  let session: InferenceSession;
  let a: string;
  let b: string;
  let sum: string;
  beforeAll(async () => {
    session = await InferenceSession.create(fixture(file), { concurrency: 2, inline: 'never' });
    [a, b] = session.inputNames as [string, string];
    [sum] = session.outputNames as [string];
  });
  afterAll(() => session.release());

  const ways: [string, (io: Binding<Floats, Floats>) => unknown][] = [
    ['runSync', (io) => io.runSync()],
    ['run', (io) => io.run()],
  ];

  describe.each(ways)('%s', (_, run) => {
    it('takes what is left out from a pool', async () => {
      using io = session.bind<Floats, Floats>();
      io.inputs[a]!.data.set([1, 2, 3, 4]);
      io.inputs[b]!.data.set([10, 20, 30, 40]);
      const output = io.outputs[sum]!;
      await run(io);
      expect(output.data).toEqual(Float32Array.of(11, 22, 33, 44));
      // The same memory every time, read and written in place.
      io.inputs[a]!.data[0] = 5;
      await run(io);
      expect(io.outputs[sum]).toBe(output);
      expect(output.data[0]).toBe(15);
    });

    it('works on the tensors it is given, wherever they lie', async () => {
      const pool = new TensorPool();
      const shared = new Tensor('float32', new Float32Array(new SharedArrayBuffer(16)));
      const odd = new Tensor('float32', new Float32Array(new ArrayBuffer(32), 4, 4));
      const pooled = pool.acquire('float32', [4]);
      for (const tensor of [floats(0, 0, 0, 0), shared, odd, pooled]) {
        const result = floats(0, 0, 0, 0);
        const io = session.bind<Floats, Floats>({
          inputs: { [a]: tensor, [b]: floats(1, 1, 1, 1) },
          outputs: { [sum]: result },
        });
        for (const value of [1, 2, 3]) {
          tensor.data.fill(value);
          await run(io);
          expect(result.data).toEqual(new Float32Array(4).fill(value + 1));
        }
        io.dispose();
      }
    });

    it('gives dynamic outputs a new tensor at each run', async () => {
      using io = session.bind<Floats, Floats>({ outputs: { [sum]: 'dynamic' } });
      expect(io.outputs[sum]).toBeUndefined();
      io.inputs[a]!.data.fill(1);
      io.inputs[b]!.data.fill(2);
      await run(io);
      const first = io.outputs[sum];
      expect(first?.data).toEqual(new Float32Array(4).fill(3));
      io.inputs[b]!.data.fill(5);
      await run(io);
      expect(first?.data[0]).toBe(3);
      expect(io.outputs[sum]?.data[0]).toBe(6);
    });

    it('binds one tensor anew', async () => {
      using io = session.bind<Floats, Floats>({
        inputs: { [a]: floats(1, 1, 1, 1), [b]: floats(1, 1, 1, 1) },
      });
      await run(io);
      const before = io.outputs[sum]!;
      const after = floats(0, 0, 0, 0);
      io.setInput(a, floats(7, 7, 7, 7));
      io.setOutput(sum, after);
      await run(io);
      expect(after.data).toEqual(new Float32Array(4).fill(8));
      expect(io.outputs[sum]).toBe(after);
      expect(before.location).toBe('none');
    });

    it('refuses memory that has gone away, and goes on with other memory', async () => {
      for (const end of [a, sum]) {
        const tensor = floats(1, 1, 1, 1);
        using io = session.bind<Floats, Floats>(
          end === a ? { inputs: { [a]: tensor } } : { outputs: { [sum]: tensor } },
        );
        io.inputs[b]!.data.fill(1);
        io.inputs[a]!.data.fill(1);
        structuredClone(tensor.data, { transfer: [tensor.data.buffer as ArrayBuffer] });
        await expectError(() => run(io), 'ERR_BUFFER_DETACHED', new RegExp(`puts\\.${end}:`));
        if (end === a) io.setInput(a, floats(1, 1, 1, 1));
        else io.setOutput(sum, floats(0, 0, 0, 0));
        await run(io);
        expect(io.outputs[sum]?.data[0]).toBe(2);
      }
    });

    it('works on its other tensors after memory has gone away', async () => {
      for (const [, other] of ways) {
        const [x, lost] = [floats(1, 2, 3, 4), floats(1, 1, 1, 1)];
        using io = session.bind<Floats, Floats>({ inputs: { [a]: x, [b]: lost } });
        await other(io);
        structuredClone(lost.data.buffer, { transfer: [lost.data.buffer as ArrayBuffer] });
        await expectError(() => run(io), 'ERR_BUFFER_DETACHED', new RegExp(`^inputs\\.${b}:`));
        io.setInput(b, floats(1, 1, 1, 1));
        x.data.fill(5);
        const running = other(io);
        // An asynchronous run has taken its copy.
        x.data.fill(7);
        await running;
        expect([...io.outputs[sum]!.data]).toEqual([6, 6, 6, 6]);
      }
    });

    it('leaves ordinary runs of the session alone', async () => {
      const feeds = { [a]: floats(1, 2, 3, 4), [b]: floats(1, 1, 1, 1) };
      const expected = Float32Array.of(2, 3, 4, 5);
      {
        using io = session.bind<Floats, Floats>();
        io.inputs[a]!.data.fill(9);
        io.inputs[b]!.data.fill(9);
        await run(io);
        expect((await session.run(feeds, [sum]))[sum]?.data).toEqual(expected);
        expect(session.runSync(feeds)[sum]?.data).toEqual(expected);
        expect(io.outputs[sum]?.data[0]).toBe(18);
      }
      expect((await session.run(feeds, [sum]))[sum]?.data).toEqual(expected);
    });

    it('cannot be run after dispose', async () => {
      const io = session.bind<Floats, Floats>();
      io.dispose();
      io.dispose();
      await expectError(() => run(io), 'ERR_TENSOR_DISPOSED', /binding was disposed/);
    });
  });

  it('takes what is left out from the pool that is named, and gives it back', async () => {
    using pool = new TensorPool();
    const io = session.bind<Floats, Floats>({ pool });
    expect(pool.stats.bytesInUse).toBe(3 * 64);
    io.inputs[a]!.data.set([1, 2, 3, 4]);
    io.inputs[b]!.data.set([10, 20, 30, 40]);
    await io.run();
    expect(io.outputs[sum]!.data).toEqual(Float32Array.of(11, 22, 33, 44));
    io.dispose();
    expect(pool.stats.bytesInUse).toBe(0);
    await expectError(
      () => session.bind({ pool: {} as never }),
      'ERR_INVALID_ARGUMENT',
      /options\.pool: expected a TensorPool/,
    );
  });

  it('runs many bindings side by side', async () => {
    const bindings = Array.from({ length: 32 }, (_, index) => {
      const io = session.bind<Floats, Floats>();
      io.inputs[a]!.data.fill(index);
      io.inputs[b]!.data.fill(1000);
      return io;
    });
    for (let round = 0; round < 5; round++) {
      await Promise.all(bindings.map((io) => io.run()));
      for (const [index, io] of bindings.entries()) {
        expect(io.outputs[sum]?.data).toEqual(new Float32Array(4).fill(index + 1000));
      }
    }
    for (const io of bindings) io.dispose();
  });

  it('is busy while its own run is in flight', async () => {
    using io = session.bind<Floats, Floats>();
    const running = io.run();
    // At once: the run may have finished at the first await.
    const refused = [
      expectError(() => io.run(), 'ERR_BUSY', /in flight/),
      expectError(() => io.runSync(), 'ERR_BUSY', /in flight/),
      expectError(() => io.setInput(a, floats(1, 1, 1, 1)), 'ERR_BUSY', /in flight/),
    ];
    await Promise.all(refused);
    await running;
    io.runSync();
  });

  it('is free again after its run was aborted', async () => {
    using io = session.bind<Floats, Floats>();
    const controller = new AbortController();
    const running = io.run({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expectError(() => running, 'ERR_CANCELLED', /cancelled/);
    // It may still be running natively; an ordinary run queues behind it.
    await session.run({ [a]: floats(1, 1, 1, 1), [b]: floats(1, 1, 1, 1) }, [sum]);
    await new Promise(setImmediate);
    await io.run();
  });

  it.each<[string, () => unknown, string, RegExp]>([
    ...['inputs', 'outputs', 'dims'].flatMap((list) =>
      [null, 5, []].map((value): [string, () => unknown, string, RegExp] => [
        `${JSON.stringify(value)} as ${list}`,
        () => session.bind({ [list]: value }),
        'ERR_INVALID_ARGUMENT',
        new RegExp(`^options\\.${list}: `),
      ]),
    ),
    [
      'more dims than any tensor has',
      () => session.bind({ dims: { [a]: new Array<number>(2 ** 32 - 1) } }),
      'ERR_INVALID_ARGUMENT',
      /^options\.dims\.\w+: expected at most 255/,
    ],
    [
      'an unknown input',
      () => session.bind<Floats, Floats>({ inputs: { x: floats(1) } }),
      'ERR_INVALID_ARGUMENT',
      /^inputs: /,
    ],
    [
      'an unknown output',
      () => session.bind<Floats, Floats>({ outputs: { x: 'dynamic' } }),
      'ERR_INVALID_ARGUMENT',
      /^outputs: /,
    ],
    [
      'a wrong shape',
      // A model that says nothing of its shapes is asked at the first run.
      () => session.bind<Floats, Floats>({ inputs: { [a]: floats(1, 2, 3) } }).runSync(),
      'ERR_SHAPE_MISMATCH',
      /^inputs\.\w+\.dims\[0\]: expected 4, got 3/,
    ],
    [
      'a wrong type',
      () => session.bind<Floats, Floats>({ inputs: { [a]: new Tensor('int32', [1, 2, 3, 4]) } }),
      'ERR_TYPE_MISMATCH',
      /^inputs\.\w+\.type/,
    ],
    [
      'a wrong output type',
      () => session.bind<Floats, Floats>({ outputs: { [sum]: new Tensor('int32', [1, 2, 3, 4]) } }),
      'ERR_TYPE_MISMATCH',
      /^outputs\.\w+/,
    ],
    [
      'an unknown option',
      () => session.bind<Floats, Floats>({ fast: true } as never),
      'ERR_INVALID_ARGUMENT',
      /^options: /,
    ],
  ])('refuses %s', async (_, operation, code, message) => {
    await expectError(operation, code, message);
  });
});

describe.each(['mlp.onnx', 'mlp.tflite'])('a binding of dynamic %s', (file) => {
  it('takes shapes from dims', async () => {
    const session = await InferenceSession.create(fixture(file));
    await expectError(
      () => session.bind<Floats, Floats>(),
      'ERR_INVALID_ARGUMENT',
      /^inputs\.x: expected a tensor, or its shape/,
    );
    const [output] = session.outputNames as [string];
    for (const batch of [2, 3, 2]) {
      using io = session.bind<Floats, Floats>({ dims: { x: [batch, 16] } });
      io.inputs['x']!.data.fill(0.25);
      io.runSync();
      const expected = await session.run({
        x: new Tensor('float32', new Float32Array(batch * 16).fill(0.25), [batch, 16]),
      });
      expect(io.outputs[output]?.dims).toEqual([batch, 4]);
      expect(io.outputs[output]?.data).toEqual(expected[output]?.data);
    }
    await session.release();
  });
});

it('does not outlive its session', async () => {
  for (const file of ['add4.onnx', 'add4.tflite']) {
    const session = await InferenceSession.create(fixture(file));
    const io = session.bind<Floats, Floats>();
    const running = io.run();
    await session.release();
    await running;
    await expectError(() => io.runSync(), 'ERR_SESSION_RELEASED', /released/);
    await expectError(() => io.run(), 'ERR_SESSION_RELEASED', /released/);
    await expectError(() => session.bind<Floats, Floats>(), 'ERR_SESSION_RELEASED', /released/);
    io.dispose();
  }
});

describe('a getter of a bound tensor', () => {
  it.each(['run', 'runSync'] as const)('may dispose the binding before %s', async (way) => {
    const session = await InferenceSession.create(fixture('identity_string.onnx'));
    const [x] = session.inputNames as [string];
    let read = (): void => undefined;
    const tensor = {
      type: 'string',
      dims: [1, 3],
      get data() {
        read();
        return ['a', 'b', 'c'];
      },
    };
    const io = session.bind({ inputs: { [x]: tensor } });
    read = () => {
      io.dispose();
    };
    await expectError(() => io[way](), 'ERR_TENSOR_DISPOSED', /binding was disposed/);
    await session.release();
  });

  it('may dispose the binding in setInput, and the tensor is not held', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'));
    const [a] = session.inputNames as [string];
    const io = session.bind();
    const pool = new TensorPool();
    const tensor = pool.acquire('float32', [4]);
    Object.defineProperty(tensor, 'location', {
      get: () => {
        io.dispose();
        return 'cpu';
      },
    });
    await expectError(
      () => {
        io.setInput(a, tensor);
      },
      'ERR_TENSOR_DISPOSED',
      /binding was disposed/,
    );
    tensor.dispose();
    expect(pool.stats.bytesInUse).toBe(0);
    await session.release();
  });
});

describe('pooled feeds', () => {
  it.each(['add4.onnx', 'add4.tflite'])('of %s are held until the run has ended', async (file) => {
    const session = await InferenceSession.create(fixture(file));
    const [a, b] = session.inputNames as [string, string];
    const pool = new TensorPool();
    const one = floats(1, 1, 1, 1);
    for (let round = 0; round < 50; round++) {
      const tensor = pool.acquire('float32', [4]);
      tensor.data.fill(round);
      // With options the run takes the ordinary way, which uses the memory in place.
      const running = session.run({ [a]: tensor, [b]: one }, { tag: 'x' });
      tensor.dispose();
      // Memory in use by the run must not be handed out.
      using other = pool.acquire('float32', [4]);
      other.data.fill(-1);
      expect(Object.values(await running)[0]?.data).toEqual(new Float32Array(4).fill(round + 1));
    }
    expect(pool.stats.bytesInUse).toBe(0);
    await session.release();
  });
});

describe('warmUp', () => {
  it.each(['add4.onnx', 'mlp.onnx', 'mlp.tflite', 'identity_string.tflite', 'no_inputs.onnx'])(
    'runs %s without a trace in the histograms',
    async (file) => {
      const session = await InferenceSession.create(fixture(file), { warmUp: true });
      await session.warmUp(3);
      expect(session.latency.total.snapshot().count).toBe(0);
      await session.release();
    },
  );

  it('puts variables back', async () => {
    const session = await InferenceSession.create(fixture('accumulator.tflite'));
    const [x] = session.inputNames as [string];
    const [y] = session.outputNames as [string];
    const feeds = { [x]: floats(1, 2, 3) };
    const first = session.runSync(feeds)[y]?.data;
    await session.resetVariables();
    await session.warmUp(2, feeds);
    expect(session.runSync(feeds)[y]?.data).toEqual(first);
    await session.release();
  });

  it('says why a model cannot run on zeros', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'));
    await expectError(() => session.warmUp(-1), 'ERR_INVALID_ARGUMENT', /^runs: /);
    await expectError(() => session.warmUp(1, {}), 'ERR_INVALID_ARGUMENT', /^inputs\.a: missing/);
    await session.release();
    await expectError(() => session.warmUp(), 'ERR_SESSION_RELEASED', /released/);
  });
});

describe.each(['identity_string.onnx', 'identity_string.tflite'])('a binding of %s', (file) => {
  it.each(['runSync', 'run'] as const)('reads the strings at each %s', async (way) => {
    await using session = await InferenceSession.create(fixture(file));
    const x = new Tensor('string', ['a', 'b', 'c', 'd', 'e', 'f'], [2, 3]);
    using io = session.bind({ inputs: { x } });
    const results = async (): Promise<string[]> => {
      await io[way]();
      return [...(io.outputs['y']!.data as string[])].sort();
    };
    expect(await results()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    x.data[0] = 'z';
    expect(await results()).toEqual(['b', 'c', 'd', 'e', 'f', 'z']);
    x.data.length = 1;
    await expectError(results, 'ERR_SHAPE_MISMATCH', /inputs\.x/);
    io.setInput('x', new Tensor('string', ['1', '2', '3', '4', '5', '6'], [2, 3]));
    expect(await results()).toEqual(['1', '2', '3', '4', '5', '6']);
  });
});
