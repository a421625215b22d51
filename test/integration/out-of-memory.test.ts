import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { errorOf, expectError, root } from './support';

/** As many zeros as its input says. */
const zeros = (dims: readonly (number | string)[]): Uint8Array =>
  encodeOnnx({
    inputs: [{ name: 'shape', type: int64, dims: ['rank'] }],
    outputs: [{ name: 'y', type: float32, dims }],
    nodes: [{ op: 'ConstantOfShape', inputs: ['shape'], outputs: ['y'] }],
  });

const shape = (...dims: bigint[]): { shape: Tensor } => ({
  shape: new Tensor('int64', BigInt64Array.from(dims), [dims.length]),
});

const hasLimits = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0;
/** AddressSanitizer ends the process where ONNX Runtime's operator new would throw. */
const isSanitized = process.env['ONLITE_SANITIZER'] !== undefined;

/** More than any machine has, and less than 2^53. */
const petabytes = 2n ** 49n;

describe.skipIf(isSanitized).each<[string, readonly (number | string)[]]>([
  ['a dynamic output', ['n']],
  ['an output that is declared', [Number(petabytes)]],
])('more than there is of memory for %s', (_, dims) => {
  it('is an error like any other', async () => {
    await using session = await InferenceSession.create(zeros(dims));
    const feeds = shape(petabytes);
    const binding = dims[0] === 'n' ? session.bind({ inputs: feeds }) : undefined;
    const ways = [
      () => session.run(feeds),
      () => session.runSync(feeds),
      () => session.run(feeds, ['y']),
      () => session.run(feeds, { tag: 'a' }),
      () => binding?.run() ?? session.run(feeds),
      () => {
        if (binding === undefined) session.runSync(feeds);
        else binding.runSync();
      },
    ];
    for (const way of ways) {
      const error = await errorOf(way);
      expect(error.code).toBe('ERR_OUT_OF_MEMORY');
      expect(String(error.cause)).toMatch(/alloc/i);
    }
    expect(Object.keys(session.latency.failures)).toEqual(['ERR_OUT_OF_MEMORY']);
    // The model makes less than it declares.
    const { y } = await session.run(shape(3n));
    expect(y?.data).toEqual(new Float32Array(3));
  });
});

it('more than there is of memory for a warm-up is an error like any other', async () => {
  const identity = (type: number, dims: readonly number[]): Uint8Array =>
    encodeOnnx({
      inputs: [{ name: 'x', type, dims }],
      outputs: [{ name: 'y', type, dims }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    });
  const string = 8;
  for (const type of [float32, string]) {
    const options = { warmUp: true };
    const create = (): unknown => InferenceSession.create(identity(type, [2 ** 40]), options);
    await expectError(create, 'ERR_OUT_OF_MEMORY', /inputs\.x/);
  }
});

describe.runIf(hasLimits && !isSanitized)('no memory for the copy of a result', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'onlite-memory-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('does not end the process', () => {
    const file = join(folder, 'zeros.onnx');
    writeFileSync(file, zeros(['n']));
    const child = spawnSync(
      process.execPath,
      [
        join(root, 'test/lifecycle/children/memory-limit.mjs'),
        file,
        'shape',
        'y',
        String(256 << 20),
      ],
      { cwd: root, encoding: 'utf8' },
    );
    expect(child.stderr).toBe('');
    const { results, failures } = JSON.parse(child.stdout) as {
      results: Record<string, string>;
      failures: string[];
    };
    expect(new Set(Object.values(results))).toEqual(new Set(['ERR_OUT_OF_MEMORY']));
    expect(failures).toContain('ERR_OUT_OF_MEMORY');
  });
});

describe('maxQueueBytes', () => {
  const columns = 4096;
  const rows = 64;
  const neg = encodeOnnx({
    inputs: [{ name: 'x', type: float32, dims: ['n', columns] }],
    outputs: [{ name: 'y', type: float32, dims: ['n', columns] }],
    nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
  });
  const elements = rows * columns;
  const feeds = { x: new Tensor('float32', new Float32Array(elements).fill(1), [rows, columns]) };
  const bytes = 4 * elements;

  it.each([
    ['run by run', {}],
    ['in batches', { batching: { maxBatchSize: rows } }],
  ])('bounds what waits, %s', async (_, options) => {
    await using session = await InferenceSession.create(neg, {
      ...options,
      maxQueueBytes: 2 * bytes,
    });
    const settled = await Promise.allSettled(Array.from({ length: 100 }, () => session.run(feeds)));
    const failed = settled.filter(({ status }) => status === 'rejected');
    // Two wait, at least, and those that start meanwhile.
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(98);
    for (const failure of failed) {
      expect((failure as PromiseRejectedResult).reason).toMatchObject({
        code: 'ERR_QUEUE_FULL',
        message: expect.stringContaining('maxQueueBytes') as string,
      });
    }
    expect(session.latency.counters.rejected).toBe(failed.length);
    // Little feeds, and large ones when nothing waits.
    const row = new Tensor('float32', new Float32Array(columns).fill(2), [1, columns]);
    expect((await session.run({ x: row }))['y']?.data.at(0)).toBe(-2);
    expect((await session.run(feeds))['y']?.size).toBe(elements);
  });

  it('never refuses what waits for nobody', async () => {
    await using session = await InferenceSession.create(neg, { maxQueueBytes: 0 });
    for (let run = 0; run < 5; run++) {
      expect((await session.run(feeds))['y']?.data.at(-1)).toBe(-1);
    }
  });

  it.each([-1, 1.5, '1', 2 ** 53, null])('refuses %j', async (maxQueueBytes) => {
    await expectError(
      () => InferenceSession.create(neg, { maxQueueBytes: maxQueueBytes as number }),
      'ERR_INVALID_ARGUMENT',
      /^options\.maxQueueBytes/,
    );
  });
});

it.runIf(hasLimits && !isSanitized)('no memory for a tensor is a typed error', () => {
  const script = `
    const { execFileSync } = require('node:child_process');
    const { readFileSync } = require('node:fs');
    const { Tensor, TensorPool, dequantize } = require('onlite');
    const pool = new TensorPool({ maxBytes: 2 ** 40 });
    const large = new Tensor('int8', new Int8Array(7e8));
    // Releases of Node hold more or less themselves: the limit is what there is and 400 MB.
    const held = 1024 * Number(/^VmData:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    execFileSync('prlimit', ['--pid', String(process.pid), '--data=' + (held + 4e8)]);
    for (const make of [
      () => new Tensor('float64', Object.assign([], { length: 2 ** 28 })),
      () => dequantize(large, { scale: [1], zeroPoint: [0] }),
      () => large.toTransferable(),
      () => pool.acquire('int8', [2 ** 39]),
    ]) {
      try {
        make();
        console.log('made');
      } catch (error) {
        console.log(error.code ?? error.name);
      }
    }
  `;
  const child = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
  expect(child.stderr).toBe('');
  expect(child.stdout.trim().split('\n')).toEqual(Array(4).fill('ERR_OUT_OF_MEMORY'));
});
