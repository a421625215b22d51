import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  InferenceSession,
  registerProviderLibrary,
  runtimeInfo,
  type ProviderDevice,
  type SessionOptions,
} from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { compileLibrary, hasCompiler } from './c-library';
import { encodeOnnx, float32 } from './onnx-encoder';
import { expectError, fixture, floats, root } from './support';

/** y = relu(-x), the Neg of which the tests' provider runs. */
const model = encodeOnnx({
  inputs: [{ name: 'x', type: float32, dims: ['n'] }],
  outputs: [{ name: 'y', type: float32, dims: ['n'] }],
  nodes: [
    { op: 'Neg', inputs: ['x'], outputs: ['negative'] },
    { op: 'Relu', inputs: ['negative'], outputs: ['y'] },
  ],
});

const listed = (): readonly ProviderDevice[] =>
  runtimeInfo({ load: true }).runtimes.onnxruntime.devices;

it('is not needed for the devices of the runtime itself', () => {
  expect(listed().some(({ provider, type }) => provider === 'cpu' && type === 'cpu')).toBe(true);
  expect(runtimeInfo({ load: true }).runtimes.tflite.devices).toEqual([]);
});

it('a polluted prototype names no libraries to load before', () => {
  const script = `
    const { runtimeInfo } = require(${JSON.stringify(root)});
    Object.prototype[2] = ['/none.so'];
    console.log(runtimeInfo({ load: true }).runtimes.onnxruntime.loaded);
  `;
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('true\n');
});

describe.runIf(hasCompiler)('registerProviderLibrary', () => {
  let folder: string;
  const compile = (name: string, ...flags: string[]): string =>
    compileLibrary('provider-library/offset_provider.c', folder, name, flags);
  let library: string;
  let devices: ProviderDevice[];
  /** What a session with these providers makes of [-1, 2], by every way of running. */
  const results = async (...executionProviders: unknown[]): Promise<number[]> => {
    const options = { executionProviders } as SessionOptions;
    await using session = await InferenceSession.create(model, options);
    const feeds = { x: floats(-1, 2) };
    const { y } = await session.run(feeds);
    const binding = session.bind({ inputs: { x: floats(-1, 2) }, dims: { n: 2 } });
    binding.runSync();
    await binding.run();
    for (const other of [session.runSync(feeds)['y'], binding.outputs['y']]) {
      expect(other?.data).toEqual(y?.data);
    }
    return Array.from(y?.data as Float32Array);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'onlite-provider-'));
    library = compile('offset');
    devices = await registerProviderLibrary(library);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('lists the devices, each at its place', async () => {
    expect(devices).toEqual(listed());
    const own = devices.filter(({ provider }) => provider === 'offset');
    expect(own.map(({ metadata }) => metadata['place'])).toEqual(['first', 'second']);
    expect(devices.map(({ index }) => index)).toEqual([...devices.keys()]);
    // The same once more, by whatever name.
    expect(await registerProviderLibrary(library)).toEqual(devices);
    expect(await registerProviderLibrary(library, { name: 'another' })).toEqual(devices);
  });

  it('has sessions run on the device that is asked for', async () => {
    const [first, second] = devices.filter(({ provider }) => provider === 'offset');
    expect(await results('cpu')).toEqual([1, 0]);
    expect(await results('offset')).toEqual([1, 0]);
    expect(await results({ name: 'offset', offset: 5 })).toEqual([6, 3]);
    expect(await results({ name: 'OffsetExecutionProvider', device: first, offset: 5 })).toEqual([
      6, 3,
    ]);
    expect(await results({ name: 'offset', device: second, offset: 5 })).toEqual([1006, 1003]);
    expect(await results({ name: 'offset', device: 'cpu', offset: 7 }, 'cpu')).toEqual([8, 5]);
  });

  it('leaves the providers of a session in its list', async () => {
    await using session = await InferenceSession.create(model, { executionProviders: ['offset'] });
    expect(session.executionProviders).toEqual(['offset', 'cpu']);
    // All of a model that the provider takes nothing of.
    await using add = await InferenceSession.create(fixture('add4.onnx'), {
      executionProviders: ['offset'],
    });
    expect(add.executionProviders).toEqual(['offset', 'cpu']);
  });

  it('goes on to the next provider where this one has no such device, or refuses', async () => {
    const unavailable = 'ERR_PROVIDER_UNAVAILABLE';
    for (const [provider, message] of [
      [{ name: 'offset', device: 'gpu' }, /'offset' lists no device of type 'gpu'/],
      [{ name: 'offset', device: { index: 0 } }, /'offset' lists no device 0 here/],
      [{ name: 'offset', device: { index: 4_000_000_000 } }, /lists no device 4000000000/],
      [{ name: 'offset', refuse: 1 }, /'offset' cannot/],
      ['unheard-of', /no provider 'unheard-of'.*registerProviderLibrary/],
    ] as const) {
      await expectError(() => results(provider), unavailable, message);
      expect(await results(provider, 'cpu')).toEqual([1, 0]);
    }
    await expectError(
      () => results({ name: 'cpu', device: 'cpu' }),
      'ERR_INVALID_ARGUMENT',
      /executionProviders\[0\].device/,
    );
    for (const device of ['tpu', {}, { index: -1 }, { index: 0.5 }, 3, null]) {
      await expectError(
        () => results({ name: 'offset', device }),
        'ERR_INVALID_ARGUMENT',
        /executionProviders\[0\].device: expected a device/,
      );
    }
  });

  it('says what is wrong with a library, and goes on', async () => {
    const truncated = join(folder, 'truncated.so');
    copyFileSync(library, truncated);
    truncateSync(truncated, 5000);
    const text = join(folder, 'text.so');
    writeFileSync(text, 'no library');
    for (const [path, reason] of [
      [compile('refusing', '-DREFUSE'), /this machine is not good enough/],
      [compile('empty', '-DEMPTY'), /CreateEpFactories/],
      [truncated, /bytes|end/],
      [text, /no shared library/],
      [join(folder, 'none.so'), /No such file/],
    ] as const) {
      const error: unknown = await registerProviderLibrary(path).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
      expect(String((error as Error).cause)).toMatch(reason);
      expect((error as Error).message).toContain(path);
    }
    for (const path of ['', 7, undefined]) {
      await expectError(
        () => registerProviderLibrary(path as string),
        'ERR_INVALID_ARGUMENT',
        /path/,
      );
    }
    const other = compile('other');
    await expectError(
      () => registerProviderLibrary(other, { name: 'offset.so' }),
      'ERR_INVALID_ARGUMENT',
      /'offset\.so' is the provider library .*offset\.so already/,
    );
    expect(listed()).toEqual(devices);
  });

  it('takes many libraries at once, from workers too, beside sessions that are created', () => {
    const script = `
      const { registerProviderLibrary, runtimeInfo, InferenceSession } = require(${JSON.stringify(root)});
      const { Worker, isMainThread, threadId } = require('node:worker_threads');
      const { copyFileSync } = require('node:fs');
      const { once } = require('node:events');
      const create = () =>
        InferenceSession.create(${JSON.stringify(fixture('add4.onnx'))}, { executionProviders: ['offset', 'cpu'] });
      (async () => {
        const workers = isMainThread ? [1, 2, 3].map(() => new Worker(__filename)) : [];
        const ended = workers.map((worker) => once(worker, 'exit'));
        const jobs = [];
        for (let index = 0; index < 10; index++) {
          const copy = __filename + '.' + threadId + '.' + index + '.so';
          copyFileSync(${JSON.stringify(library)}, copy);
          jobs.push(registerProviderLibrary(copy), create());
        }
        await Promise.all([...jobs, ...ended]);
        if (!isMainThread) return;
        const { devices } = runtimeInfo().runtimes.onnxruntime;
        console.log(devices.filter(({ provider }) => provider === 'offset').length);
        await registerProviderLibrary(${JSON.stringify(library)});
        process.exit(); // with the sessions
      })();
    `;
    const file = join(folder, 'many.cjs');
    writeFileSync(file, script);
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('80\n');
  });

  it('does not keep the process from ending, nor workers', () => {
    const script = `
      const { registerProviderLibrary, InferenceSession, Tensor } = require(${JSON.stringify(root)});
      const { Worker, isMainThread } = require('node:worker_threads');
      (async () => {
        await registerProviderLibrary(${JSON.stringify(library)});
        const session = await InferenceSession.create(${JSON.stringify(fixture('add4.onnx'))}, { executionProviders: ['offset'] });
        if (!isMainThread) return;
        for (let i = 0; i < 3; i++) {
          const worker = new Worker(__filename);
          await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
        }
        console.log(session.executionProviders[0]);
        process.exit(); // with the session
      })();
    `;
    const file = join(folder, 'ends.cjs');
    writeFileSync(file, script);
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe('offset\n');
  });
});
