import { constants } from 'node:buffer';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openAsBlob,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { InferenceSession, Tensor, runtimeInfo, type SessionOptions } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import { errorOf, expectError, fixture, model, root } from './support';

const folder = mkdtempSync(join(tmpdir(), 'onlite-create-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Not in the language version that the types are of. */
const Resizable = ArrayBuffer as unknown as new (
  size: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(size: number): void };

const four = (value: number): Tensor => new Tensor('float32', new Float32Array(4).fill(value));

async function sum(session: InferenceSession): Promise<number[]> {
  const [a, b] = session.inputNames;
  const result = await session.run({ [a ?? '']: four(1), [b ?? '']: four(2) });
  await session.release();
  return Array.from(Object.values(result)[0]?.data as Float32Array);
}

describe.each(['add4.onnx', 'add4.tflite'])('create from %s', (name) => {
  const path = fixture(name);
  const bytes = readFileSync(path);
  const exact = new Uint8Array(bytes).buffer;
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const padded = new Uint8Array(bytes.length + 7);
  padded.set(bytes, 3);

  it.each<[string, () => Promise<InferenceSession>]>([
    ['a path', () => InferenceSession.create(path)],
    ['a file URL', () => InferenceSession.create(pathToFileURL(path))],
    ['a file URL as a string', () => InferenceSession.create(pathToFileURL(path).href)],
    ['a Buffer', () => InferenceSession.create(bytes)],
    ['an ArrayBuffer', () => InferenceSession.create(exact)],
    ['a SharedArrayBuffer', () => InferenceSession.create(shared)],
    ['a view at an odd offset', () => InferenceSession.create(padded.subarray(3, -4))],
    ['a DataView', () => InferenceSession.create(new DataView(exact))],
    ['an offset', () => InferenceSession.create(exact, 0)],
    [
      'an offset and a length',
      () => InferenceSession.create(padded.buffer, 3, bytes.length, { intraOpNumThreads: 1 }),
    ],
    ['a mapped file', () => InferenceSession.create(path, { mmap: true })],
  ])('%s', async (_, create) => {
    const session = await create();
    expect(session.engine).toBe(name.endsWith('onnx') ? 'onnxruntime' : 'tflite');
    expect(await sum(session)).toEqual([3, 3, 3, 3]);
  });

  it('finds the engine from the bytes, not from the name', async () => {
    const misnamed = join(folder, `${name}.txt`);
    copyFileSync(path, misnamed);
    expect(await sum(await InferenceSession.create(misnamed))).toEqual([3, 3, 3, 3]);
  });

  it('keeps its own copy of the bytes', async () => {
    const copy = Buffer.from(bytes);
    const creating = InferenceSession.create(copy);
    const session = await creating;
    copy.fill(0xff);
    expect(await sum(session)).toEqual([3, 3, 3, 3]);
  });

  it('takes every key of onnxruntime-common', async () => {
    const options: SessionOptions = {
      executionProviders: [{ name: 'cpu', useArena: true }],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      freeDimensionOverrides: {},
      graphOptimizationLevel: 'basic',
      enableCpuMemArena: false,
      enableMemPattern: false,
      executionMode: 'sequential',
      enableProfiling: false,
      profileFilePrefix: 'unused',
      logId: 'test',
      logSeverityLevel: 4,
      logVerbosityLevel: 0,
      preferredOutputLocation: 'cpu',
      enableGraphCapture: false,
      extra: { session: { disable_prepacking: '1' } },
    };
    const session = await InferenceSession.create(path, options);
    expect(session.executionProviders).toEqual(['cpu']);
    expect(await sum(session)).toEqual([3, 3, 3, 3]);
  });
});

describe('what only looks like a source', () => {
  const tagged = (tag: string, properties: object): never =>
    ({ [Symbol.toStringTag]: tag, ...properties }) as never;
  const data = (value: unknown): SessionOptions => ({
    externalData: [{ path: 'x', data: value as Uint8Array }],
  });
  const create = (source: unknown, ...rest: unknown[]): Promise<InferenceSession> =>
    (InferenceSession.create as (...args: unknown[]) => Promise<InferenceSession>)(source, ...rest);
  const shrunk = (): DataView => {
    const buffer = new Resizable(64, { maxByteLength: 128 });
    const view = new DataView(buffer, 32, 16);
    buffer.resize(8);
    return view;
  };

  it.each<[string, () => unknown, string]>([
    ['a buffer', () => create(tagged('ArrayBuffer', { length: 1e12 })), 'ERR_INVALID_ARGUMENT'],
    ['a URL', () => create(tagged('URL', { href: Symbol('x') })), 'ERR_INVALID_ARGUMENT'],
    [
      "external data's Blob",
      () => create(fixture('external.onnx'), data(tagged('Blob', {}))),
      'ERR_INVALID_ARGUMENT',
    ],
    [
      'external data',
      () => create(fixture('external.onnx'), { externalData: [Object.create(Tensor.prototype)] }),
      'ERR_INVALID_ARGUMENT',
    ],
    ['a view that its buffer is too short for', () => create(shrunk()), 'ERR_BUFFER_DETACHED'],
  ])('%s', async (_, operation, code) => {
    expect((await errorOf(operation)).code).toBe(code);
  });

  it('a Blob of a file that has changed', async () => {
    const file = join(folder, 'changed.bin');
    writeFileSync(file, new Uint8Array(100));
    const blob = await openAsBlob(file);
    writeFileSync(file, new Uint8Array(300));
    await expectError(
      () => create(fixture('external.onnx'), data(blob)),
      'ERR_MODEL_UNREADABLE',
      /externalData\[0\]\.data: cannot read the Blob/,
    );
  });

  // On Node 20 an array has 4 GiB at most, and a buffer may have more.
  it.runIf(constants.MAX_LENGTH < 2 ** 33)('a buffer that no array can have', async () => {
    const buffer = new ArrayBuffer(2 ** 33 + 8);
    await expectError(() => create(buffer), 'ERR_UNSUPPORTED', /give a path/);
    expect((await errorOf(() => create(buffer, 2 ** 33, 8))).code).toBe('ERR_MODEL_INVALID');
  });
});

it.each(['silero_vad_v5.onnx', 'embedding_model.tflite'])(
  'creating %s does not block the event loop',
  async (name) => {
    let turns = 0;
    let counting = setImmediate(function count() {
      turns++;
      counting = setImmediate(count);
    });
    const sessions = await Promise.all(
      Array.from({ length: 4 }, () => InferenceSession.create(model(name))),
    );
    clearImmediate(counting);
    // Each takes milliseconds, and a turn microseconds.
    expect(turns).toBeGreaterThan(50);
    for (const session of sessions) await session.release();
  },
);

describe('refused', () => {
  const path = fixture('add4.onnx');
  it.each<[string, unknown[], string, RegExp]>([
    ['nothing', [], 'ERR_INVALID_ARGUMENT', /^model: expected a path.*got undefined$/],
    ['an empty path', [''], 'ERR_INVALID_ARGUMENT', /^model: /],
    ['a path with NUL', ['a\0b'], 'ERR_INVALID_ARGUMENT', /NUL/],
    ['a missing file', ['/nowhere/model.onnx'], 'ERR_MODEL_NOT_FOUND', /nowhere/],
    ['a folder', [root], 'ERR_MODEL_NOT_FOUND', /not a regular file/],
    ['a web address', [new URL('http://127.0.0.1/m')], 'ERR_INVALID_ARGUMENT', /file: URL/],
    ['no bytes', [new Uint8Array(0)], 'ERR_MODEL_INVALID', /0 bytes/],
    ['text', [Buffer.from('not a model at all')], 'ERR_MODEL_INVALID', /^model: /],
    ['an offset beyond the end', [new ArrayBuffer(4), 5], 'ERR_INVALID_ARGUMENT', /^byteOffset/],
    ['a length beyond the end', [new ArrayBuffer(4), 2, 3], 'ERR_INVALID_ARGUMENT', /^byteLength/],
    ['options that are no object', [path, 5], 'ERR_INVALID_ARGUMENT', /^options: /],
    ['an unknown option', [path, { threads: 1 }], 'ERR_INVALID_ARGUMENT', /got 'threads'$/],
    [
      'NaN threads',
      [path, { intraOpNumThreads: NaN }],
      'ERR_INVALID_ARGUMENT',
      /^options.intraOpNumThreads: expected an integer/,
    ],
    ['no concurrency', [path, { concurrency: 0 }], 'ERR_INVALID_ARGUMENT', /concurrency/],
    [
      'an unknown optimisation level',
      [path, { graphOptimizationLevel: 'most' }],
      'ERR_INVALID_ARGUMENT',
      /'disabled', 'basic'/,
    ],
    [
      'an unknown free dimension',
      [fixture('mlp.onnx'), { freeDimensionOverrides: { nope: 1 } }],
      'ERR_INVALID_ARGUMENT',
      /nope.*batch/s,
    ],
    [
      'a provider that does not exist',
      [path, { executionProviders: ['warp'] }],
      'ERR_PROVIDER_UNAVAILABLE',
      /warp/,
    ],
    [
      'a provider of the other engine',
      [path, { executionProviders: ['xnnpack'] }],
      'ERR_PROVIDER_UNAVAILABLE',
      /xnnpack/,
    ],
    [
      'CUDA on TensorFlow Lite',
      [fixture('add4.tflite'), { executionProviders: ['cuda'] }],
      'ERR_PROVIDER_UNAVAILABLE',
      /cuda/,
    ],
  ])('%s', async (_, args, code, message) => {
    await expectError(
      () => (InferenceSession.create as (...all: unknown[]) => Promise<unknown>)(...args),
      code,
      message,
    );
  });

  it('unless a fallback follows', async () => {
    for (const [name, missing] of [
      ['add4.onnx', 'xnnpack'],
      ['add4.tflite', 'cuda'],
    ] as const) {
      const session = await InferenceSession.create(fixture(name), {
        executionProviders: [missing, 'cpu'],
      });
      expect(session.executionProviders).toEqual(['cpu']);
      await session.release();
    }
  });

  it('more than one interpreter for a model with variables', async () => {
    await expectError(
      () => InferenceSession.create(fixture('accumulator.tflite'), { concurrency: 2 }),
      'ERR_UNSUPPORTED',
      /variables/,
    );
  });
});

describe('ONNX Runtime options', () => {
  it('writes the optimised model, which runs', async () => {
    const optimizedModelFilePath = join(folder, 'optimised.onnx');
    const session = await InferenceSession.create(fixture('mlp.onnx'), { optimizedModelFilePath });
    await session.release();
    const optimised = await InferenceSession.create(optimizedModelFilePath);
    expect(optimised.inputNames).toEqual(['x']);
    await optimised.release();
  });

  it('writes a profile', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'), {
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    session.runSync({ a: four(1), b: four(2) });
    const file = session.endProfiling();
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain('"Add"');
    await session.release();
  });

  it('fixes a free dimension', async () => {
    const session = await InferenceSession.create(fixture('mlp.onnx'), {
      freeDimensionOverrides: { batch: 2 },
    });
    const input = session.inputMetadata[0];
    expect(input?.isTensor === true && input.shape).toEqual([2, 16]);
    await expectError(
      () => session.run({ x: new Tensor('float32', new Float32Array(48), [3, 16]) }),
      'ERR_SHAPE_MISMATCH',
      'inputs.x.dims[0]: expected 2, got 3',
    );
  });

  it('hands an unknown extra entry to ONNX Runtime, which judges values only', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'), {
      extra: { 'made.up.key': 'x', session: { intra_op: { allow_spinning: 0 } } },
    });
    expect(await sum(session)).toEqual([3, 3, 3, 3]);
  });
});

describe('ONNX external data', () => {
  const location = 'external.bin';
  const weights = readFileSync(fixture(location));
  const bytes = readFileSync(fixture('external.onnx'));
  const x = new Tensor(
    'float32',
    Float32Array.from({ length: 64 }, (_, i) => i / 64),
    [1, 64],
  );
  const runOnce = async (session: InferenceSession): Promise<number[]> => {
    const { y } = await session.run({ x });
    await session.release();
    return Array.from(y?.data as Float32Array);
  };
  const place = (name: string): string => {
    const copy = join(mkdtempSync(join(folder, `${name}-`)), 'external.onnx');
    writeFileSync(copy, bytes);
    return copy;
  };

  it('is the same from the folder, from memory and from a given file', async () => {
    const expected = await runOnce(await InferenceSession.create(fixture('external.onnx')));
    expect(expected.some((value) => value !== 0)).toBe(true);
    const given = [
      { path: location, data: weights },
      { path: location, data: new Blob([weights]) },
      { path: location, data: fixture(location) },
    ];
    for (const externalData of given) {
      const session = await InferenceSession.create(bytes, { externalData: [externalData] });
      expect(await runOnce(session)).toEqual(expected);
    }
  });

  it('is refused when it is missing', async () => {
    await expectError(() => InferenceSession.create(bytes), 'ERR_MODEL_INVALID', /external\.bin/);
    expect((await errorOf(() => InferenceSession.create(place('alone')))).message).toMatch(
      /external\.bin/,
    );
  });

  it.skipIf(process.platform === 'win32')(
    'is refused behind a link out of the folder',
    async () => {
      const linked = place('symlink');
      symlinkSync(fixture(location), join(linked, '..', location));
      await expectError(
        () => InferenceSession.create(linked),
        'ERR_MODEL_INVALID',
        /external\.bin/,
      );
      const outside = join(folder, 'outside.bin');
      writeFileSync(outside, weights);
      const hard = place('hardlink');
      linkSync(outside, join(hard, '..', location));
      // A file like another, but for who wants none that is elsewhere too.
      await (await InferenceSession.create(hard)).release();
      await expectError(
        () => InferenceSession.create(hard, { externalDataLinks: false }),
        'ERR_MODEL_INVALID',
        /external\.bin/,
      );
    },
  );
});

it('describes what was loaded', () => {
  const info = runtimeInfo();
  expect(info.addon).toBe(
    process.env['ONLITE_ADDON_PATH'] ?? join(root, 'build/Release/onlite.node'),
  );
  for (const engine of ['onnxruntime', 'tflite'] as const) {
    const runtime = info.runtimes[engine];
    expect(runtime).toMatchObject({ loaded: true, origin: expect.any(String) as string });
    expect(existsSync(runtime.path ?? '')).toBe(true);
    expect(runtime.version).toMatch(/^\d+\.\d+/);
    expect(runtime.providers).toContain('cpu');
  }
});
