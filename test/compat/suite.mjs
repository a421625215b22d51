// What a program written for onnxruntime-node relies on. Knows nothing of the
// package it is given, so it is run unchanged against both.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
const bytes = (name) => readFileSync(path(name));

/** A tensor's data for each element type that both packages know, six elements. */
const dataOf = {
  float32: () => Float32Array.of(1.5, -2, 0, Infinity, 1e-30, 3),
  float64: () => Float64Array.of(1.5, -2, 0, Infinity, 1e-300, 3),
  float16: () => Uint16Array.of(0x3e00, 0xc000, 0, 0x7c00, 1, 0x4200),
  int8: () => Int8Array.of(-128, -1, 0, 1, 2, 127),
  uint8: () => Uint8Array.of(0, 1, 2, 3, 128, 255),
  int16: () => Int16Array.of(-32768, -1, 0, 1, 2, 32767),
  uint16: () => Uint16Array.of(0, 1, 2, 3, 32768, 65535),
  int32: () => Int32Array.of(-(2 ** 31), -1, 0, 1, 2, 2 ** 31 - 1),
  uint32: () => Uint32Array.of(0, 1, 2, 3, 2 ** 31, 2 ** 32 - 1),
  int64: () => BigInt64Array.of(-(2n ** 63n), -1n, 0n, 1n, 2n, 2n ** 63n - 1n),
  uint64: () => BigUint64Array.of(0n, 1n, 2n, 3n, 2n ** 63n, 2n ** 64n - 1n),
  bool: () => Uint8Array.of(0, 1, 1, 0, 0, 1),
  string: () => ['', 'a', 'é', '日本', '😀', 'x'.repeat(1000)],
};

/** The bytes of a typed array, for floating point classes differ between engines. */
const raw = (data) =>
  Array.isArray(data) ? data : [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

/**
 * The cases by name.
 *
 * @param ort - the package's exports
 */
export function suite(ort) {
  const { InferenceSession, Tensor } = ort;
  const floats = (...values) => new Tensor('float32', values);
  const feeds = () => ({ a: floats(1, 2, 3, 4), b: floats(10, 20, 30, 40) });
  const sum = [11, 22, 33, 44];

  /** Runs `use` with a session that is released in any case. */
  async function withSession(name, use, options) {
    const session = await InferenceSession.create(path(name), options);
    try {
      await use(session);
    } finally {
      await session.release();
    }
  }

  async function assertAdds(session) {
    const result = await session.run(feeds());
    assert.deepEqual([...result.sum.data], sum);
    await session.release();
  }

  const cases = {
    'create from a path': async () => assertAdds(await InferenceSession.create(path('add4.onnx'))),

    'create with options': async () =>
      assertAdds(
        await InferenceSession.create(path('add4.onnx'), {
          executionProviders: ['cpu'],
          intraOpNumThreads: 1,
          interOpNumThreads: 1,
          graphOptimizationLevel: 'all',
          enableCpuMemArena: true,
          enableMemPattern: true,
          executionMode: 'sequential',
          logId: 'compat',
          logSeverityLevel: 3,
          extra: { session: { set_denormal_as_zero: '1' } },
        }),
      ),

    'create with a provider as an object': async () =>
      assertAdds(
        await InferenceSession.create(path('add4.onnx'), { executionProviders: [{ name: 'cpu' }] }),
      ),

    'create from a Buffer': async () =>
      assertAdds(await InferenceSession.create(bytes('add4.onnx'))),

    'create from a Buffer with options': async () =>
      assertAdds(await InferenceSession.create(bytes('add4.onnx'), { logSeverityLevel: 3 })),

    'create from an ArrayBuffer': async () => {
      const file = bytes('add4.onnx');
      const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
      await assertAdds(await InferenceSession.create(buffer));
      await assertAdds(await InferenceSession.create(buffer, { logSeverityLevel: 3 }));
    },

    'create from a part of an ArrayBuffer': async () => {
      const file = bytes('add4.onnx');
      const padded = new Uint8Array(file.length + 200).fill(0xff);
      padded.set(file, 100);
      const { buffer } = padded;
      await assertAdds(await InferenceSession.create(buffer, 100, file.length));
      await assertAdds(await InferenceSession.create(buffer, 100, file.length, { logId: 'x' }));
      const tail = padded.slice(0, file.length + 100).buffer;
      await assertAdds(await InferenceSession.create(tail, 100));
    },

    'create from a view of a part of a buffer': async () => {
      const file = bytes('add4.onnx');
      const padded = new Uint8Array(file.length + 200).fill(0xff);
      padded.set(file, 100);
      await assertAdds(await InferenceSession.create(padded.subarray(100, 100 + file.length)));
    },

    'create refuses what is no model': async () => {
      await assert.rejects(InferenceSession.create(path('no such file.onnx')));
      await assert.rejects(InferenceSession.create(new Uint8Array([1, 2, 3])));
      await assert.rejects(InferenceSession.create());
      await assert.rejects(InferenceSession.create(42));
      await assert.rejects(InferenceSession.create(null));
      await assert.rejects(InferenceSession.create(bytes('add4.onnx').buffer, -1));
      await assert.rejects(InferenceSession.create(new ArrayBuffer(10), 5, 10));
    },

    'create refuses wrong options': async () => {
      const create = (options) => InferenceSession.create(path('add4.onnx'), options);
      await assert.rejects(create('cpu'));
      await assert.rejects(create({ executionProviders: ['no such provider'] }));
      await assert.rejects(create({ executionProviders: [], intraOpNumThreads: 'two' }));
      await assert.rejects(create({ intraOpNumThreads: 1.5 }));
      await assert.rejects(create({ graphOptimizationLevel: 'most' }));
      await assert.rejects(create({ executionMode: 'both' }));
      await assert.rejects(create({ logSeverityLevel: 7 }));
      await assert.rejects(create({ enableCpuMemArena: 'yes' }));
    },

    'free dimensions can be fixed': () =>
      withSession(
        'mlp.onnx',
        async (session) => {
          const x = new Tensor('float32', new Float32Array(48), [3, 16]);
          const { probabilities } = await session.run({ x });
          assert.deepEqual([...probabilities.dims], [3, 4]);
        },
        { freeDimensionOverrides: { batch: 3 } },
      ),

    'names and metadata': async () => {
      await withSession('mlp.onnx', async (session) => {
        assert.deepEqual([...session.inputNames], ['x']);
        assert.deepEqual([...session.outputNames], ['probabilities']);
        const [input] = session.inputMetadata;
        const [output] = session.outputMetadata;
        const told = ({ name, isTensor, type, shape }) => ({
          name,
          isTensor,
          type,
          shape: [...shape],
        });
        assert.deepEqual(told(input), {
          name: 'x',
          isTensor: true,
          type: 'float32',
          shape: ['batch', 16],
        });
        assert.deepEqual(told(output), {
          name: 'probabilities',
          isTensor: true,
          type: 'float32',
          shape: ['batch', 4],
        });
      });
      await withSession('many_outputs.onnx', async (session) => {
        assert.equal(session.inputNames.length, 12);
        assert.deepEqual(
          [...session.inputNames],
          session.inputMetadata.map(({ name }) => name),
        );
        assert.deepEqual(
          [...session.outputNames],
          session.outputMetadata.map(({ name }) => name),
        );
      });
      await withSession('sequence.onnx', async (session) => {
        assert.equal(session.outputMetadata[0].isTensor, false);
        assert.equal(session.outputMetadata[1].isTensor, true);
      });
      await withSession('scalar.onnx', async (session) => {
        assert.deepEqual([...session.inputMetadata[0].shape], []);
      });
    },

    'a dynamic dimension takes any size': () =>
      withSession('mlp.onnx', async (session) => {
        for (const batch of [1, 5, 2]) {
          const x = new Tensor('float32', new Float32Array(batch * 16).fill(0.5), [batch, 16]);
          const { probabilities } = await session.run({ x });
          assert.deepEqual([...probabilities.dims], [batch, 4]);
        }
      }),

    'run gives every output by name': () =>
      withSession('elementwise_float32.onnx', async (session) => {
        const a = new Tensor('float32', new Float32Array(24).fill(6), [2, 3, 4]);
        const b = new Tensor('float32', [1, 2, 3], [3, 1]);
        const result = await session.run({ a, b });
        assert.deepEqual(Object.keys(result).sort(), [...session.outputNames].sort());
        assert.deepEqual([...result.sub.data].slice(0, 5), [5, 5, 5, 5, 4]);
        assert.deepEqual([...result.div.dims], [2, 3, 4]);
        assert.ok(result.add instanceof Tensor);
        assert.ok(result.add.data instanceof Float32Array);
      }),

    'run with fetches': () =>
      withSession('elementwise_float32.onnx', async (session) => {
        const a = new Tensor('float32', new Float32Array(24).fill(6), [2, 3, 4]);
        const b = new Tensor('float32', [1, 2, 3], [3, 1]);
        const names = async (...rest) => Object.keys(await session.run({ a, b }, ...rest)).sort();
        assert.deepEqual(await names(['sub']), ['sub']);
        assert.deepEqual(await names(['sub', 'add']), ['add', 'sub']);
        assert.deepEqual(await names({ mul: null }), ['mul']);
        assert.deepEqual(await names({ mul: null, add: null }, { tag: 'x' }), ['add', 'mul']);
        assert.equal((await names({ tag: 'x', logSeverityLevel: 3 })).length, 6);
        assert.equal((await names({})).length, 6);
        assert.equal((await session.run({ a, b }, ['sub'])).sub.data[0], 5);
      }),

    'run into a given tensor': () =>
      withSession('add4.onnx', async (session) => {
        const given = floats(0, 0, 0, 0);
        const result = await session.run(feeds(), { sum: given });
        assert.deepEqual([...result.sum.data], sum);
      }),

    'run refuses wrong feeds': () =>
      withSession('add4.onnx', async (session) => {
        const { a } = feeds();
        const wrong = [
          undefined,
          null,
          42,
          [],
          {},
          { a },
          { a, b: 42 },
          { a, b: null },
          { a, b: [10, 20, 30, 40] },
          { a, b: new Tensor('int32', [1, 2, 3, 4]) },
          { a, b: floats(1, 2, 3) },
          { a, b: new Tensor('float32', [1, 2, 3, 4], [2, 2]) },
        ];
        for (const feed of wrong) await assert.rejects(async () => session.run(feed), `${feed}`);
        assert.deepEqual([...(await session.run(feeds())).sum.data], sum);
      }),

    'run refuses wrong fetches and options': () =>
      withSession('add4.onnx', async (session) => {
        const wrong = [null, 42, 'sum', [], ['no such output'], [42], ['sum', 42]];
        for (const fetches of wrong) {
          await assert.rejects(async () => session.run(feeds(), fetches), JSON.stringify(fetches));
        }
        await assert.rejects(async () => session.run(feeds(), ['sum'], 42));
        await assert.rejects(async () => session.run(feeds(), ['sum'], { logSeverityLevel: 9 }));
      }),

    'runs at the same time': () =>
      withSession('add4.onnx', async (session) => {
        const runs = Array.from({ length: 64 }, (_, index) =>
          session.run({ a: floats(index, index, index, index), b: floats(1, 2, 3, 4) }),
        );
        for (const [index, result] of (await Promise.all(runs)).entries()) {
          assert.deepEqual(
            [...result.sum.data],
            [1, 2, 3, 4].map((value) => value + index),
          );
        }
      }),

    'a model without inputs': () =>
      withSession('no_inputs.onnx', async (session) => {
        assert.deepEqual([...(await session.run({})).y.dims], [5]);
      }),

    'a session cannot be used after release': async () => {
      const session = await InferenceSession.create(path('add4.onnx'));
      await session.release();
      await assert.rejects(async () => session.run(feeds()));
    },

    'profiling may be asked for': () =>
      withSession('add4.onnx', async (session) => {
        session.startProfiling();
        assert.equal(typeof session.endProfiling, 'function');
      }),

    'a tensor is made with a type': () => {
      for (const [type, data] of Object.entries(dataOf)) {
        const tensor = new Tensor(type, data(), [2, 3]);
        assert.equal(tensor.type, type);
        assert.deepEqual([...tensor.dims], [2, 3]);
        assert.equal(tensor.size, 6);
        assert.equal(tensor.location, 'cpu');
        assert.deepEqual(raw(tensor.data), raw(data()));
      }
      assert.deepEqual([...new Tensor('float32', [1, 2, 3]).dims], [3]);
      assert.deepEqual([...new Tensor('int64', [1n, 2n]).data], [1n, 2n]);
      assert.deepEqual([...new Tensor('int64', [1, 2]).data], [1n, 2n]);
      assert.deepEqual([...new Tensor('bool', [true, false]).data], [1, 0]);
      assert.deepEqual([...new Tensor('uint8', Uint8ClampedArray.of(1, 2)).data], [1, 2]);
      assert.equal(new Tensor('float32', [5], []).size, 1);
      assert.equal(new Tensor('float32', [], [0, 3]).size, 0);
    },

    'a tensor is made without a type': () => {
      const inferred = { ...dataOf };
      delete inferred.float16;
      delete inferred.bool;
      for (const [type, data] of Object.entries(inferred)) {
        assert.equal(new Tensor(data(), [3, 2]).type, type);
      }
      assert.equal(new Tensor([true, false]).type, 'bool');
      assert.equal(new Tensor(['a', 'b']).type, 'string');
      assert.equal(new Tensor(Uint8ClampedArray.of(1)).type, 'uint8');
    },

    'a tensor uses the typed array it is given': () => {
      const data = Float32Array.of(1, 2);
      const tensor = new Tensor('float32', data);
      assert.equal(tensor.data, data);
    },

    'a tensor is not made of what does not fit': () => {
      for (const args of [
        [],
        ['float33', [1]],
        ['float32'],
        ['float32', 42],
        ['float32', [1, 2], [3]],
        ['float32', [1, 2], [-2]],
        ['float32', [1, 2], [1.5]],
        ['float32', [1, 2], 'two'],
        ['float32', [1, 2], ['2']],
        ['float32', Int32Array.of(1)],
        ['string', Uint8Array.of(1)],
        ['int32', Float32Array.of(1)],
        [42],
        [{}],
        [[]],
        [[1, 2]],
      ]) {
        assert.throws(() => new Tensor(...args), `new Tensor(${JSON.stringify(args)})`);
      }
    },

    'reshape, getData and dispose': async () => {
      const tensor = new Tensor('float32', [1, 2, 3, 4, 5, 6], [2, 3]);
      const other = tensor.reshape([3, 2]);
      assert.deepEqual([...other.dims], [3, 2]);
      assert.equal(other.data, tensor.data);
      assert.throws(() => tensor.reshape([4, 2]));
      assert.equal(await tensor.getData(), tensor.data);
      tensor.dispose();
      assert.throws(() => tensor.data);
      assert.equal(tensor.location, 'none');
      assert.deepEqual([...other.data], [1, 2, 3, 4, 5, 6]);
    },

    'a disposed tensor is no feed': () =>
      withSession('add4.onnx', async (session) => {
        const { a, b } = feeds();
        b.dispose();
        await assert.rejects(async () => session.run({ a, b }));
      }),

    'a tensor from an image': async () => {
      const data = Uint8ClampedArray.from({ length: 2 * 2 * 4 }, (_, index) => index * 10);
      let tensor;
      try {
        tensor = await Tensor.fromImage({ data, width: 2, height: 2 });
      } catch (error) {
        // Without a browser the common package may refuse; it must be an error, no crash.
        assert.ok(error instanceof Error);
        return;
      }
      assert.deepEqual([...tensor.dims], [1, 3, 2, 2]);
    },

    'a tensor from a pinned buffer': () => {
      const tensor = Tensor.fromPinnedBuffer('float32', Float32Array.of(1, 2), [2]);
      assert.deepEqual([...tensor.data], [1, 2]);
    },

    'env, backends and hooks': () => {
      assert.equal(typeof ort.env.versions.common, 'string');
      const before = ort.env.logLevel;
      ort.env.logLevel = 'error';
      assert.equal(ort.env.logLevel, 'error');
      ort.env.logLevel = before ?? 'warning';
      assert.throws(() => (ort.env.logLevel = 'loud'));
      assert.equal(typeof ort.env.wasm, 'object');
      assert.ok('webgpu' in ort.env);
      const backend = { init: async () => {}, createInferenceSessionHandler: async () => {} };
      ort.registerBackend('compat', backend, -1);
      assert.throws(() => ort.registerBackend('compat', {}, 1));
      for (const hook of ['TRACE', 'TRACE_FUNC_BEGIN', 'TRACE_FUNC_END']) ort[hook]('compat', 'x');
      const names = ort.listSupportedBackends().map(({ name, bundled }) => {
        assert.equal(typeof bundled, 'boolean');
        return name;
      });
      assert.ok(names.includes('cpu'), names.join());
    },
  };

  for (const [type, data] of Object.entries(dataOf)) {
    cases[`${type} goes in and out`] = () =>
      withSession(`identity_${type}.onnx`, async (session) => {
        const x = new Tensor(type, data(), [2, 3]);
        const { y } = await session.run({ x });
        assert.equal(y.type, type);
        assert.deepEqual([...y.dims], [2, 3]);
        assert.deepEqual(raw(y.data), raw(data()));
        assert.equal(session.inputMetadata[0].type, type);
        const empty = new Tensor(type, data().slice(0, 0), [0, 3]);
        assert.equal((await session.run({ x: empty })).y.size, 0);
      });
  }
  return cases;
}
