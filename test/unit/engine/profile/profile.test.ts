import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import {
  InferenceSession,
  Tensor,
  TensorPool,
  type ModelProfile,
  type SessionOptions,
} from 'onlite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readOnnxModel } from '../../../../lib/formats/onnx';
import { readTfliteModel, type TfliteModel } from '../../../../lib/formats/tflite';
import { encodeOnnx, float32 } from '../../../integration/onnx-encoder';
import { expectError, fixture, model, root } from '../../../integration/support';

/** Temporary folders of this test alone, so that what is left over shows. */
let scratch: string;
const leftOver = (): string[] => readdirSync(scratch).filter((name) => name.startsWith('onlite'));
const outerTmp = process.env['TMPDIR'];
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'onlite-profile-test-'));
  process.env['TMPDIR'] = scratch;
});
beforeEach(() => {
  expect(leftOver()).toEqual([]);
});
afterAll(async () => {
  const left = leftOver();
  if (outerTmp === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = outerTmp;
  await rm(scratch, { recursive: true });
  expect(left).toEqual([]);
});

async function withSession<Result>(
  file: string | Uint8Array,
  options: SessionOptions,
  use: (session: InferenceSession) => Promise<Result>,
): Promise<Result> {
  await using session = await InferenceSession.create(file, options);
  return await use(session);
}

/** Zeros for every input, except that integers and bools are 1. */
function feedsOf(session: InferenceSession): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const input of session.inputMetadata) {
    if (!input.isTensor) continue;
    const dims = input.shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
    const length = dims.reduce((product, dim) => product * dim, 1);
    const data =
      input.type === 'int64'
        ? new BigInt64Array(length).fill(3n)
        : input.type === 'bool'
          ? new Uint8Array(length).fill(1)
          : input.type === 'int8'
            ? new Int8Array(length)
            : new Float32Array(length).fill(1);
    feeds[input.name] = new Tensor(input.type as 'float32', data as Float32Array, dims);
  }
  return feeds;
}

function expectSound(profile: ModelProfile, runs: number): void {
  expect(profile.runs).toBe(runs);
  expect(profile.totalNs).toBeGreaterThan(0);
  expect(profile.operators.length).toBeGreaterThan(0);
  const sum = profile.operators.reduce((total, { nanoseconds }) => total + nanoseconds, 0);
  const shares = profile.operators.reduce((total, { share }) => total + share, 0);
  expect(shares).toBeCloseTo(sum === 0 ? 0 : 1, 9);
  for (const { count, nanoseconds } of profile.operators) {
    expect(count).toBeGreaterThan(0);
    expect(nanoseconds).toBeGreaterThanOrEqual(0);
  }
  const times = profile.operators.map(({ nanoseconds }) => nanoseconds);
  expect(times).toEqual([...times].sort((a, b) => b - a));
  expect(JSON.parse(JSON.stringify(profile))).toEqual(profile);
}

const onnxOptions: SessionOptions = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'disabled',
};

describe('ONNX Runtime', () => {
  it.each(['mlp.onnx', 'conv.onnx', 'many_outputs.onnx', 'unary_float32.onnx'])(
    '%s: every node of the graph, once a run',
    async (name) => {
      const file = fixture(name);
      const { graph } = readOnnxModel(readFileSync(file));
      const profile = await withSession(file, onnxOptions, (session) =>
        session.profile(feedsOf(session), { runs: 3 }),
      );
      expectSound(profile, 3);
      expect(profile.engine).toBe('onnxruntime');
      expect(profile.notAccelerated).toEqual([]);
      expect(profile.delegated).toBeUndefined();
      expect(profile.operators.map(({ type }) => type).sort()).toEqual(
        graph?.node.map(({ opType }) => opType).sort(),
      );
      for (const operator of profile.operators) {
        expect(operator).toMatchObject({ provider: 'cpu', count: 3 });
        expect(operator.bytes).toBeGreaterThan(0);
        expect(operator.outputShapes?.length).toBeGreaterThan(0);
      }
    },
  );

  it('gives shapes and bytes', async () => {
    const profile = await withSession(fixture('add4.onnx'), onnxOptions, (session) =>
      session.profile(feedsOf(session)),
    );
    expectSound(profile, 10);
    const four = { type: 'float32', dims: [4] };
    expect(profile.operators).toMatchObject([
      { type: 'Add', count: 10, bytes: 16, inputShapes: [four, four], outputShapes: [four] },
    ]);
  });

  it('names the nodes of subgraphs after the node around them', async () => {
    const profile = await withSession(fixture('control_loop.onnx'), onnxOptions, (session) =>
      session.profile(feedsOf(session), { runs: 2 }),
    );
    expectSound(profile, 2);
    const loop = profile.operators.find(({ type }) => type === 'Loop');
    expect(loop?.count).toBe(2);
    const inner = profile.operators.filter((operator) => operator !== loop);
    expect(inner.length).toBeGreaterThan(0);
    for (const { name, count } of inner) {
      expect(name.startsWith(`${loop?.name ?? ''}/`)).toBe(true);
      // Three turns a run.
      expect(count).toBe(6);
    }
  });

  it('profiles a real model', async () => {
    const profile = await withSession(model('silero_vad_legacy.onnx'), {}, async (session) => {
      const feeds: Record<string, Tensor> = {
        input: new Tensor('float32', new Float32Array(1536), [1, 1536]),
        sr: new Tensor('int64', BigInt64Array.of(16000n), []),
        h: new Tensor('float32', new Float32Array(128), [2, 1, 64]),
        c: new Tensor('float32', new Float32Array(128), [2, 1, 64]),
      };
      return session.profile(feeds, { runs: 2 });
    });
    expectSound(profile, 2);
    expect(profile.operators.some(({ type }) => type === 'LSTM')).toBe(true);
  });

  it('lists what did not run on a provider that was asked for', async () => {
    const options = { ...onnxOptions, executionProviders: ['nosuch', 'cpu'] };
    const profile = await withSession(fixture('mlp.onnx'), options, (session) =>
      session.profile(feedsOf(session), { runs: 1 }),
    );
    const { operators } = profile;
    expect(profile.notAccelerated).toEqual(
      operators.map(({ name, type, provider, share }) => ({ name, type, provider, share })),
    );
    expect(profile.notes.join()).toContain('nosuch');
  });

  it.skipIf(process.platform === 'win32')('keeps its files private', async () => {
    await withSession(fixture('add4.onnx'), onnxOptions, async (session) => {
      const controller = new AbortController();
      const { signal } = controller;
      const profile = session.profile(feedsOf(session), { runs: 1_000_000, signal });
      const failed = expectError(() => profile, 'ERR_CANCELLED', /cancelled/);
      while (leftOver().length === 0) await nextTurn();
      const [folder = ''] = leftOver();
      expect(statSync(join(scratch, folder)).mode & 0o777).toBe(0o700);
      controller.abort();
      await failed;
    });
  });

  it.skipIf(process.platform === 'win32')('leaves no file when the process ends', async () => {
    const script = `
      import { InferenceSession, Tensor } from 'onlite';
      const session = await InferenceSession.create(process.argv[1]);
      const four = new Tensor('float32', new Float32Array(4), [4]);
      session.profile({ a: four, b: four }, { runs: 1_000_000 });
      setTimeout(() => process.exit(7), 100);`;
    const child = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', script, fixture('add4.onnx')],
      { cwd: root, env: { ...process.env, NODE_OPTIONS: '' } },
    );
    expect(child.status, child.stderr.toString()).toBe(7);
  });

  it('profiles a session that profiles itself too', async () => {
    const options = { ...onnxOptions, enableProfiling: true };
    const own = await mkdtemp(join(outerTmp ?? '/tmp', 'onlite-own-'));
    try {
      await withSession(
        fixture('add4.onnx'),
        { ...options, profileFilePrefix: join(own, 'p') },
        async (session) => {
          expectSound(await session.profile(feedsOf(session), { runs: 2 }), 2);
          session.endProfiling();
        },
      );
    } finally {
      await rm(own, { recursive: true });
    }
  });

  it('keeps a small model from memory, and asks for a large one again', async () => {
    const small = readFileSync(fixture('add4.onnx'));
    await withSession(small, onnxOptions, async (session) => {
      const kept = small.fill(0);
      expectSound(await session.profile(feedsOf(session), { runs: 2 }), 2);
      expect(kept[0]).toBe(0);
    });
    const weights = new Float32Array(3 << 20).fill(1);
    const large = encodeOnnx({
      inputs: [{ name: 'x', type: float32, dims: [1] }],
      outputs: [{ name: 'y', type: float32, dims: [weights.length] }],
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
      initializers: [{ name: 'w', dims: [weights.length], data: weights }],
    });
    await withSession(large, onnxOptions, async (session) => {
      const feeds = feedsOf(session);
      await expectError(() => session.profile(feeds), 'ERR_UNSUPPORTED', /options\.model/);
      expectSound(await session.profile(feeds, { runs: 2, model: large }), 2);
      await expectError(
        () => session.profile(feeds, { model: fixture('add4.onnx') }),
        'ERR_MODEL_INVALID',
        /another/,
      );
    });
  });
});

/** [type, count in the primary subgraph] of a model's operators. */
function typesOf(file: TfliteModel, subgraph = 0): string[] {
  return (file.subgraphs[subgraph]?.operators ?? [])
    .map(({ code }) => file.operatorCodes[code]?.name ?? '?')
    .sort();
}

describe('TensorFlow Lite', () => {
  it.each(['conv_int8.tflite', 'mlp.tflite', 'many_outputs.tflite', 'unary_float32.tflite'])(
    '%s: every operator of the file, once a run, on the built-in kernels',
    async (name) => {
      const file = fixture(name);
      const contents = readTfliteModel(readFileSync(file));
      const profile = await withSession(file, { executionProviders: ['cpu'] }, (session) =>
        session.profile(feedsOf(session), { runs: 3 }),
      );
      expectSound(profile, 3);
      expect(profile).toMatchObject({ engine: 'tflite', notAccelerated: [], delegated: [] });
      expect(profile.operators.map(({ type }) => type).sort()).toEqual(typesOf(contents));
      const tensors = new Map(
        contents.subgraphs[0]?.tensors.map((tensor) => [tensor.name, tensor]),
      );
      for (const operator of profile.operators) {
        expect(operator).toMatchObject({ provider: 'cpu', count: 3 });
        const output = tensors.get(operator.name);
        expect(operator.outputShapes?.[0]).toMatchObject({ type: output?.type });
        expect(operator.bytes).toBeGreaterThan(0);
      }
    },
  );

  it('tells what XNNPACK took from what it left, and times its operators', async () => {
    const file = model('hey_jarvis.tflite');
    const contents = readTfliteModel(readFileSync(file));
    const profile = await withSession(file, {}, (session) =>
      session.profile(feedsOf(session), { runs: 4 }),
    );
    expectSound(profile, 4);
    const taken = profile.delegated?.map(({ type }) => type) ?? [];
    const left = profile.operators.filter(({ provider }) => provider === 'cpu');
    expect(taken).toContain('FULLY_CONNECTED');
    expect(left.map(({ type }) => type)).toContain('IF');
    expect([...taken, ...left.map(({ type }) => type)].sort()).toEqual(typesOf(contents));
    expect(profile.notAccelerated.map(({ name }) => name)).toEqual(left.map(({ name }) => name));
    const own = profile.operators.filter(({ provider }) => provider === 'xnnpack');
    expect(own.some(({ kernel }) => kernel?.startsWith('Fully Connected') ?? false)).toBe(true);
    expect(own.filter(({ type }) => type === 'TfLiteXNNPackDelegate').length).toBeGreaterThan(1);
    for (const { count } of profile.operators) expect(count).toBe(4);
    expect(new Set(profile.operators.map(({ name }) => name)).size).toBe(profile.operators.length);
  });

  it('gives the operators of the subgraphs that ran', async () => {
    const options = { executionProviders: ['cpu'] };
    const profile = await withSession(fixture('control_if.tflite'), options, (session) =>
      session.profile(feedsOf(session), { runs: 2 }),
    );
    expectSound(profile, 2);
    expect(profile.operators).toHaveLength(2);
    expect(profile.operators.map(({ type }) => type)).toContain('IF');
  });

  it('runs a signature', async () => {
    await withSession(fixture('signatures.tflite'), {}, async (session) => {
      const [key] = Object.keys(session.signatures);
      const inputs = session.signatures[key ?? '']?.inputs ?? [];
      const feeds = Object.fromEntries(
        inputs.map((input) => {
          const dims = input.isTensor ? input.shape.map(Number) : [];
          const length = dims.reduce((product, dim) => product * dim, 1);
          return [input.name, new Tensor('float32', new Float32Array(length), dims)];
        }),
      );
      const profile = await session.profile(feeds, { signature: key!, runs: 2 });
      expectSound(profile, 2);
      await expectError(
        () => session.profile(feeds, { signature: 'no such' }),
        'ERR_INVALID_ARGUMENT',
        /options\.signature/,
      );
    });
  });

  it('leaves the variables of the session alone', async () => {
    await withSession(fixture('accumulator.tflite'), {}, async (session) => {
      const feeds = feedsOf(session);
      const [name = ''] = session.outputNames;
      const run = async (): Promise<unknown> => (await session.run(feeds))[name]?.data;
      const first = await run();
      await session.profile(feeds, { runs: 5 });
      const second = await run();
      await session.resetVariables();
      expect(await run()).toEqual(first);
      expect(await run()).toEqual(second);
    });
  });
});

describe.each(['add4.onnx', 'add4.tflite'])('a profile of %s', (name) => {
  let session: InferenceSession;
  let feeds: Record<string, Tensor>;
  beforeAll(async () => {
    session = await InferenceSession.create(readFileSync(fixture(name)), { concurrency: 2 });
    feeds = feedsOf(session);
  });
  afterAll(() => session.release());

  it('needs no file and is in no histogram', async () => {
    const before = session.latency.total.snapshot().count;
    expectSound(await session.profile(feeds), 10);
    expect(session.latency.total.snapshot().count).toBe(before);
  });

  it('goes beside the session’s own runs', async () => {
    const [output = ''] = session.outputNames;
    const [profile, second, ...results] = await Promise.all([
      session.profile(feeds, { runs: 5 }),
      session.profile(feeds, { runs: 6 }),
      ...Array.from({ length: 40 }, () => session.run(feeds)),
    ]);
    expectSound(profile, 5);
    expectSound(second, 6);
    for (const [index, { runs, operators }] of [profile, second].entries()) {
      for (const { count } of operators) expect(count, `profile ${index}`).toBe(runs);
    }
    for (const result of results) {
      expect(result[output]?.data).toEqual(new Float32Array(4).fill(2));
    }
  });

  it('takes pooled tensors and gives them back', async () => {
    const pool = new TensorPool();
    const pooled = Object.fromEntries(
      session.inputNames.map((input) => [input, pool.acquire('float32', [4])]),
    );
    expectSound(await session.profile(pooled, { runs: 3 }), 3);
    expect(pool.stats.bytesInUse).toBeGreaterThan(0);
    const profile = session.profile(pooled, { runs: 3 });
    for (const tensor of Object.values(pooled)) tensor.dispose();
    // TensorFlow Lite has them for all its runs, ONNX Runtime reads them run by run.
    if (session.engine === 'tflite') expectSound(await profile, 3);
    else await expectError(() => profile, 'ERR_TENSOR_DISPOSED', /disposed/);
    expect(pool.stats.bytesInUse).toBe(0);
  });

  it.each([
    ['a number', 3],
    ['an array', []],
    ['another key', { run: 1 }],
    ['no runs', { runs: 0 }],
    ['too many runs', { runs: 1e9 }],
    ['half a run', { runs: 1.5 }],
    ['runs that are text', { runs: '3' }],
    ['a signal that is none', { signal: {} }],
    ['a signature of another type', { signature: 5 }],
  ])('refuses %s', async (_, options) => {
    await expectError(
      () => session.profile(feeds, options as object),
      'ERR_INVALID_ARGUMENT',
      /options/,
    );
  });

  it('refuses wrong feeds as a run does', async () => {
    await expectError(() => session.profile(null as never), 'ERR_INVALID_ARGUMENT', /feeds/);
    await expectError(
      () => session.profile({ zz: feeds } as never),
      'ERR_INVALID_ARGUMENT',
      /inputs\.zz/,
    );
    await expectError(() => session.profile({}), 'ERR_INVALID_ARGUMENT', /inputs/);
    const [input = ''] = session.inputNames;
    const wrong = { ...feeds, [input]: new Tensor('float32', new Float32Array(5), [5]) };
    await expectError(() => session.profile(wrong), 'ERR_SHAPE_MISMATCH', /dims/);
  });

  it('ends when it is aborted', async () => {
    await expectError(
      () => session.profile(feeds, { signal: AbortSignal.abort() }),
      'ERR_CANCELLED',
      /cancelled/,
    );
    const controller = new AbortController();
    const profile = session.profile(feeds, { runs: 1_000_000, signal: controller.signal });
    setTimeout(() => {
      controller.abort();
    }, 20);
    await expectError(() => profile, 'ERR_CANCELLED', /cancelled/);
    // The session works on.
    expectSound(await session.profile(feeds, { runs: 1 }), 1);
  });

  it('says that the session was released', async () => {
    const other = await InferenceSession.create(fixture(name));
    const late = other.profile(feeds, { runs: 1000 });
    const caught = late.catch(() => undefined);
    await other.release();
    await caught;
    // TensorFlow Lite's runs were asked for before, ONNX Runtime's later ones were not.
    if (other.engine === 'tflite') expectSound(await late, 1000);
    else await expectError(() => late, 'ERR_SESSION_RELEASED', /released/);
    await expectError(() => other.profile(feeds), 'ERR_SESSION_RELEASED', /released/);
  });
});
