import { readFileSync } from 'node:fs';

import { InferenceSession, Tensor, TensorPool, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { difference } from '../fixtures/compare';
import { decodeTensor, fixturePath, type Comparison, type TensorFixture } from '../fixtures/load';
import { hasSameTfLite } from '../fixtures/same-library';
import { errorOf, expectError } from './support';

const edge = (name: string): string => fixturePath(`edge/${name}.tflite`);
const readJson = (name: string): unknown =>
  JSON.parse(readFileSync(fixturePath(`edge/${name}.json`), 'utf8'));

const exact: Comparison = hasSameTfLite()
  ? { kind: 'exact' }
  : { kind: 'close', rtol: 1e-5, atol: 1e-6 };

const feedsOf = (inputs: readonly TensorFixture[]): Record<string, Tensor> =>
  Object.fromEntries(inputs.map((input) => [input.name!, decodeTensor(input)]));

function differences(
  outputs: Readonly<Record<string, unknown>>,
  expected: readonly TensorFixture[],
): (string | undefined)[] {
  return expected
    .map((one) => difference(one.name!, outputs[one.name!], one, exact, ({ data }) => data))
    .filter((problem) => problem !== undefined);
}

/** A float32 tensor of ones. */
function ones(...dims: number[]): Tensor<'float32'> {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor('float32', new Float32Array(size).fill(1), dims);
}

async function using(
  model: string,
  options: SessionOptions,
  use: (session: InferenceSession) => Promise<void>,
): Promise<void> {
  const session = await InferenceSession.create(edge(model), options);
  try {
    await use(session);
  } finally {
    await session.release();
  }
}

interface CustomCase {
  model: string;
  runs: { inputs: TensorFixture[]; outputs: TensorFixture[] }[];
}

describe('operators that only XNNPACK has', () => {
  for (const { model, runs } of readJson('custom') as CustomCase[]) {
    const name = model.replace('.tflite', '');

    it.each<SessionOptions>([
      {},
      { executionProviders: ['xnnpack'] },
      { executionProviders: ['cpu', 'xnnpack'] },
      { concurrency: 2 },
    ])(`${name} runs as in the library with %j`, async (options) => {
      await using(name, options, async (session) => {
        expect(session.executionProviders[0]).toBe('xnnpack');
        for (const { inputs, outputs } of runs) {
          const feeds = feedsOf(inputs);
          expect(differences(await session.run(feeds), outputs)).toEqual([]);
          expect(differences(session.runSync(feeds), outputs)).toEqual([]);
          const io = session.bind({ inputs: feeds, outputs: allDynamic(session) });
          await io.run();
          expect(differences(io.outputs, outputs)).toEqual([]);
        }
      });
    });

    it(`${name} names operator and delegate where only cpu is asked`, async () => {
      await expectError(
        () => InferenceSession.create(edge(name), { executionProviders: ['cpu'] }),
        'ERR_UNSUPPORTED',
        /subgraphs\[0\]\.operators\[0\]: (Convolution2DTransposeBias|MaxPooling\w+): .*XNNPACK/,
      );
    });
  }

  it('refuses shapes that go out of bounds, and goes on', async () => {
    await using('deconvolution_dynamic', {}, async (session) => {
      await expectError(() => session.run({ x: ones(1, 2, 0, 2) }), 'ERR_SHAPE_MISMATCH', /x/);
      await expectError(
        () => session.run({ x: ones(1, 2, 2, 3) }),
        'ERR_SHAPE_MISMATCH',
        'inputs.x.dims[3]: expected 2, got 3',
      );
      expect((await session.run({ x: ones(1, 2, 2, 2) }))['y']!.dims).toEqual([1, 4, 4, 3]);
    });
  });

  it('does not run what the delegate does not take', async () => {
    await using('deconvolution_other_shape', {}, async (session) => {
      for (let round = 0; round < 2; round++) {
        await expectError(
          () => session.run({ x: ones(1, 3, 3, 2) }),
          'ERR_UNSUPPORTED',
          /no delegate can run/,
        );
      }
    });
  });

  it.each([
    ['unpooling_fed_indices', /operators\[0\]: MaxUnpooling2D: its indices/],
    ['unpooling_other_window', /operators\[1\]: MaxUnpooling2D: its indices/],
  ])('%s is refused: the delegate should not do it', async (name, message) => {
    await expectError(() => InferenceSession.create(edge(name)), 'ERR_UNSUPPORTED', message);
  });
});

function allDynamic(session: InferenceSession): Record<string, 'dynamic'> {
  return Object.fromEntries(session.outputNames.map((name) => [name, 'dynamic' as const]));
}

describe('operators that nobody has', () => {
  it.each([
    ['flex', /^subgraphs\[0\]\.operators\[0\]: FlexErf: .*SELECT_TF_OPS/],
    ['unknown_custom', /^subgraphs\[0\]\.operators\[0\]: SomebodysOperator: /],
    ['unknown_in_signature', /^subgraphs\[1\]\.operators\[0\]: SomebodysOperator: /],
    ['unknown_version', /^subgraphs\[0\]\.operators\[0\]: ABS: .* version 99 /],
  ])('%s is named when the session is created', async (name, message) => {
    for (const executionProviders of [undefined, ['cpu'], ['xnnpack']]) {
      const options = executionProviders === undefined ? {} : { executionProviders };
      await expectError(
        () => InferenceSession.create(edge(name), options),
        'ERR_UNSUPPORTED',
        message,
      );
    }
  });
});

/** Feeds with which every output is empty, and the dims that come out. */
const allEmpty: [string, Record<string, Tensor>, number[]][] = [
  ['empty_softmax', { x0: ones(2, 0) }, [2, 0]],
  ['empty_softmax', { x0: ones(0, 3) }, [0, 3]],
  ['empty_log_softmax', { x0: ones(2, 0) }, [2, 0]],
  ['empty_matmul', { x0: ones(0, 2, 3), x1: ones(0, 3, 2) }, [0, 2, 2]],
  ['empty_matmul', { x0: ones(2, 0, 3), x1: ones(2, 3, 4) }, [2, 0, 4]],
  ['empty_attention', { q: ones(0, 4, 4), k: ones(0, 4, 4), v: ones(0, 4, 4) }, [0, 4, 4]],
];

describe.each([['xnnpack', 'cpu'], ['cpu']])('empty tensors, %s first', (...executionProviders) => {
  it.each(allEmpty)('%s %o gives an empty output by every way', async (name, feeds, dims) => {
    await using(name, { executionProviders }, async (session) => {
      const check = (output: Tensor | undefined): void => {
        expect([output?.type, output?.dims, output?.data.length]).toEqual(['float32', dims, 0]);
      };
      for (let round = 0; round < 2; round++) {
        check((await session.run(feeds))['y']);
        check(session.runSync(feeds)['y']);
        check((await session.run(feeds, ['y']))['y']);
        check((await session.run(feeds, { y: ones(...dims) }))['y']);
        check((await session.run(feeds, { pool: new TensorPool({ maxBytes: 1 << 20 }) }))['y']);
        for (const y of ['dynamic' as const, ones(...dims)]) {
          const io = session.bind({ inputs: feeds, outputs: { y } });
          await io.run();
          check(io.outputs['y']);
          io.runSync();
          check(io.outputs['y']);
        }
      }
      await expectError(() => session.run(feeds, { y: ones(7) }), 'ERR_SHAPE_MISMATCH', /y\.dims/);
      await expectError(
        () => session.run(feeds, { signal: AbortSignal.abort() }),
        'ERR_CANCELLED',
        /./,
      );
      expect((await session.profile(feeds, { runs: 2 })).operators).toEqual([]);
      // What has elements still runs.
      const full = Object.fromEntries(
        Object.entries(feeds).map(([key, { dims: shape }]) => [key, ones(...shape.map(() => 2))]),
      );
      expect((await session.run(full))['y']!.data.length).toBe(2 ** dims.length);
      check((await session.run(feeds))['y']);
    });
  });

  it('come out of a batch whose rows have no elements', async () => {
    const batching = { maxBatchSize: 2, maxDelayMs: 50 };
    await using('empty_softmax', { executionProviders, batching }, async (session) => {
      const runs = [1, 1].map((rows) => session.run({ x0: ones(rows, 0) }));
      for (const { y } of await Promise.all(runs)) expect(y!.dims).toEqual([1, 0]);
    });
  });

  it('are declared by the file, and warmed up', async () => {
    await using('empty_fixed', { executionProviders, warmUp: true }, async (session) => {
      expect((await session.run({ x: ones(2, 0) }))['y']!.dims).toEqual([2, 0]);
      expect(session.runSync({ x: ones(2, 0) })['y']!.dims).toEqual([2, 0]);
    });
  });

  it('come out of a file that declares elements, by every way', async () => {
    // The shape of the output: [2, 0], which the operator makes, becomes [2, 3].
    const bytes = readFileSync(edge('empty_fixed'));
    bytes.writeInt32LE(3, bytes.indexOf(Uint8Array.of(2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0)) + 8);
    const session = await InferenceSession.create(bytes, { executionProviders });
    expect(session.outputMetadata[0]).toMatchObject({ shape: [2, 3] });
    const feeds = { x: ones(2, 0) };
    for (let round = 0; round < 2; round++) {
      expect((await session.run(feeds))['y']!.dims).toEqual([2, 0]);
      expect(session.runSync(feeds)['y']!.dims).toEqual([2, 0]);
      expect((await session.run(feeds, ['y']))['y']!.dims).toEqual([2, 0]);
    }
    const io = session.bind({ inputs: feeds, outputs: { y: ones(2, 3) } });
    await expectError(() => io.run(), 'ERR_SHAPE_MISMATCH', /y\.dims: expected \[2,0\]/);
    await session.release();
    // The synchronous one first.
    const other = await InferenceSession.create(bytes, { executionProviders });
    expect(other.runSync(feeds)['y']!.dims).toEqual([2, 0]);
    await other.release();
  });

  it.each([
    ['empty_mirror_pad', { x0: ones(0, 3) }, /operators\[0\]: MIRROR_PAD: tensor x0 \[0,3\]/],
    ['empty_resize', { x0: ones(1, 0, 4, 3) }, /RESIZE_NEAREST_NEIGHBOR: tensor x0 \[1,0,4,3\]/],
    ['empty_inner', { x: ones(2, 0) }, /operators\[0\]: SOFTMAX: tensor weights \[2,0\]/],
  ])('%s names the operator that would not bear them', async (name, feeds, message) => {
    await using(name, { executionProviders }, async (session) => {
      for (let round = 0; round < 2; round++) {
        await expectError(() => session.run(feeds), 'ERR_UNSUPPORTED', message);
        await expectError(() => session.runSync(feeds), 'ERR_UNSUPPORTED', message);
        const io = session.bind({ inputs: feeds, outputs: allDynamic(session) });
        await expectError(() => io.run(), 'ERR_UNSUPPORTED', message);
        await expectError(() => session.profile(feeds), 'ERR_UNSUPPORTED', message);
      }
    });
  });

  it('are looked for in a signature of another subgraph', async () => {
    await using('empty_signatures', { executionProviders }, async (session) => {
      const soft = { signature: 'soft' };
      expect((await session.run({ a: ones(2, 0) }, soft))['b']!.dims).toEqual([2, 0]);
      expect(session.runSync({ a: ones(2, 0) }, soft)['b']!.dims).toEqual([2, 0]);
      await expectError(
        () => session.run({ a: ones(2, 0) }, { signature: 'soft_shape' }),
        'ERR_UNSUPPORTED',
        /subgraphs\[1\]\.operators\[0\]: SOFTMAX/,
      );
      expect((await session.run({ x: ones(2, 0) }))['y']!.dims).toEqual([2, 0]);
      expect([...(await session.run({ a: ones(1, 2) }, soft))['b']!.data]).toEqual([0.5, 0.5]);
    });
  });

  it.each(['empty_if', 'empty_while'])('are looked for in the subgraphs of %s', async (name) => {
    await using(name, { executionProviders }, async (session) => {
      const feeds = (x0: Tensor, flag: number): Record<string, Tensor> => ({
        x0,
        flag: new Tensor('bool', [flag], []),
        other: ones(1),
      });
      for (const flag of [0, 1]) {
        await expectError(
          () => session.run(feeds(ones(2, 0), flag)),
          'ERR_UNSUPPORTED',
          /subgraphs\[[12]\]\.operators\[\d\]: SOFTMAX/,
        );
      }
      expect((await session.run(feeds(ones(2, 2), 1)))['rest']!.data).toEqual(
        new Float32Array([1]),
      );
    });
  });

  it('do not keep a variable from being changed', async () => {
    await using('empty_variable', { executionProviders }, async (session) => {
      // Without a run the variable would not change; with one the softmax may crash.
      await expectError(() => session.run({ x: ones(2, 0) }), 'ERR_UNSUPPORTED', /SOFTMAX/);
      expect((await session.run({ x: ones(2, 2) }))['y']!.dims).toEqual([2, 2]);
    });
  });
});

interface BearingCase {
  operator: string;
  /** Base64 of the file. */
  model: string;
  runs: {
    inputs: TensorFixture[];
    cpu: TensorFixture[];
    /** Null where XNNPACK refuses the shapes. */
    xnnpack: TensorFixture[] | null;
  }[];
}

describe('operators that bear empty tensors', () => {
  it.each([...byOperator(readJson('bearing') as BearingCase[])])(
    '%s runs with them as in the library',
    async (_, cases) => {
      for (const { model, runs } of cases) {
        for (const executionProviders of [['cpu'], ['xnnpack'], ['xnnpack', 'cpu']]) {
          const session = await InferenceSession.create(Buffer.from(model, 'base64'), {
            executionProviders,
          });
          for (const run of runs) {
            const feeds = feedsOf(run.inputs);
            const [provider, fallback] = executionProviders;
            const first = provider === 'cpu' ? run.cpu : run.xnnpack;
            const expected = first ?? (fallback === undefined ? null : run.cpu);
            if (expected === null) {
              const { code } = await errorOf(() => session.run(feeds));
              expect(code).toBe('ERR_PROVIDER_UNAVAILABLE');
            } else {
              expect(differences(await session.run(feeds), expected)).toEqual([]);
            }
          }
          await session.release();
        }
      }
    },
  );
});

function byOperator(cases: readonly BearingCase[]): Map<string, BearingCase[]> {
  const found = new Map<string, BearingCase[]>();
  for (const one of cases) found.set(one.operator, [...(found.get(one.operator) ?? []), one]);
  return found;
}

describe('damaged CONVERSION_METADATA', () => {
  it.each(['text', 'empty', 'offset'])('%s does not reach a profiled run', async (kind) => {
    await using(`conversion_metadata_${kind}`, {}, async (session) => {
      const x = new Tensor('float32', [-1, 2, -3, 4], [1, 4]);
      expect([...(await session.run({ x }))['y']!.data]).toEqual([1, 2, 3, 4]);
      const profile = await session.profile({ x }, { runs: 2 });
      expect([...profile.operators, ...(profile.delegated ?? [])].length).toBeGreaterThan(0);
    });
  });
});
