import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { InferenceSession, Tensor, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { errorOf, expectError, fixture, floats } from './support';

/** Inline although the machine is busy: only the tests of the measuring need the real limit. */
const always: SessionOptions = { inline: { maxMicroseconds: 1000 } };

const feeds = (value: number): Record<string, Tensor> => ({
  a: floats(value, 1, 2, 3),
  b: floats(1, 1, 1, 1),
});

const first = (result: InferenceSession.ReturnType): number => {
  const [tensor] = Object.values(result);
  return ((tensor as Tensor).data as Float32Array)[0] ?? NaN;
};

/** Runs until the session makes a run inline. @returns how many it made on threads before. */
async function untilInline(
  session: InferenceSession,
  run: () => Promise<unknown>,
): Promise<number> {
  const before = session.inlineRuns;
  for (let index = 0; ; index++) {
    if (index > 20_000) throw new Error('no run was made inline');
    await run();
    if (session.inlineRuns > before) return index;
  }
}

/** A chain of products with a matrix, for any number of rows: microseconds or many milliseconds. */
function products(size: number, count: number): Uint8Array {
  return encodeOnnx({
    inputs: [{ name: 'x', type: float32, dims: ['rows', size] }],
    outputs: [{ name: 'y', type: float32, dims: ['rows', size] }],
    nodes: Array.from({ length: count }, (_, layer) => ({
      op: 'MatMul',
      inputs: [layer === 0 ? 'x' : `h${layer}`, 'w'],
      outputs: [layer === count - 1 ? 'y' : `h${layer + 1}`],
    })),
    initializers: [{ name: 'w', dims: [size, size], data: new Float32Array(size * size) }],
  });
}

describe.each(['add4.onnx', 'add4.tflite'])('%s inline', (name) => {
  it('runs with the right results, from feeds and bound', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    const before = session.inlineRuns;
    for (let value = 0; value < 300; value++) {
      expect(first(await session.run(feeds(value)))).toBe(value + 1);
    }
    expect(session.inlineRuns).toBeGreaterThan(before);

    const io = session.bind();
    const [a, ...others] = Object.values(io.inputs);
    for (const other of others) (other.data as Float32Array).fill(0);
    const [y] = Object.values(io.outputs);
    const beforeBound = session.inlineRuns;
    for (let value = 0; value < 300; value++) {
      (a!.data as Float32Array)[0] = value;
      await io.run();
      expect((y!.data as Float32Array)[0]).toBe(value);
    }
    expect(session.inlineRuns).toBeGreaterThan(beforeBound);
    io.dispose();
    await session.release();
  });

  it('runs over ordinary arrays, as long as they are there', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    const [a, b] = session.inputNames as [string, string];
    const [y] = session.outputNames as [string];
    const data = new Float32Array([1, 2, 3, 4]);
    const output = floats(0, 0, 0, 0);
    const io = session.bind({
      inputs: { [a]: new Tensor('float32', data, [4]), [b]: floats(1, 1, 1, 1) },
      outputs: { [y]: output },
    });
    const before = session.inlineRuns;
    for (let value = 0; value < 300; value++) {
      data[0] = value;
      if (value % 7 === 0) io.runSync();
      // On a thread, over copies.
      else if (value % 11 === 0) await io.run({ timeoutMs: 60_000 });
      else await io.run();
      expect(output.data[0]).toBe(value + 1);
    }
    expect(session.inlineRuns).toBeGreaterThan(before);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    await expectError(() => io.run(), 'ERR_BUFFER_DETACHED', /detached/);
    await expectError(() => io.runSync(), 'ERR_BUFFER_DETACHED', /detached/);

    const resizable = new (
      ArrayBuffer as unknown as new (
        bytes: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer & { resize(bytes: number): void }
    )(16, { maxByteLength: 64 });
    io.setInput(a, new Tensor('float32', new Float32Array(resizable), [4]));
    io.runSync();
    await io.run();
    expect(output.data[0]).toBe(1);
    resizable.resize(8);
    await expectError(() => io.runSync(), 'ERR_BUFFER_DETACHED', /detached or resized/);
    await expectError(() => io.run(), 'ERR_BUFFER_DETACHED', /detached or resized/);
    resizable.resize(16);
    io.runSync();
    await io.run();
    io.dispose();
    await session.release();
  });

  it('runs over kept state that began in an ordinary array', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    const [a, b] = session.inputNames as [string, string];
    const [y] = session.outputNames as [string];
    const io = session.bind({
      inputs: { [b]: floats(0, 0, 0, 0) },
      outputs: { [y]: 'dynamic' },
      carry: { [y]: b },
    });
    (io.inputs[a]!.data as Float32Array).fill(1);
    await io.run();
    const before = session.inlineRuns;
    for (let step = 2; step <= 100; step++) {
      await io.run();
      expect((io.outputs[y]!.data as Float32Array)[0]).toBe(step);
    }
    expect(session.inlineRuns).toBeGreaterThan(before);
    io.dispose();
    await session.release();
  });

  it('runs over tensors too large to be copied, and leaves those of a failed run alone', async () => {
    const length = 32 << 10;
    const options: SessionOptions =
      name === 'add4.tflite' ? { ...always, resizeInputs: true } : always;
    const model =
      name === 'add4.tflite'
        ? fixture(name)
        : encodeOnnx({
            inputs: ['a', 'b'].map((input) => ({ name: input, type: float32, dims: ['n'] })),
            outputs: [{ name: 'y', type: float32, dims: ['n'] }],
            nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
          });
    const session = await InferenceSession.create(model as string, options);
    const [a, b] = session.inputNames as [string, string];
    const [y] = session.outputNames as [string];
    const left = new Float32Array(length);
    const large = {
      [a]: new Tensor('float32', left, [length]),
      [b]: new Tensor('float32', new Float32Array(length).fill(1), [length]),
    };
    await untilInline(session, () => session.run(large));
    const before = session.inlineRuns;
    for (let value = 0; value < 200; value++) {
      left.fill(value);
      // Vitest compares such arrays slowly.
      const isRight = (result: InferenceSession.ReturnType): boolean => {
        const data = result[y]!.data as Float32Array;
        return data.length === length && data.every((sum) => sum === value + 1);
      };
      expect(isRight(await session.run(large))).toBe(true);
      expect(isRight(session.runSync(large))).toBe(true);
    }
    expect(session.inlineRuns).toBeGreaterThan(before);
    const given = new Tensor('float32', new Float32Array(length).fill(7), [length]);
    await expectError(
      () => session.run({ ...large, [b]: floats(1, 2, 3) }, { [y]: given }),
      name === 'add4.tflite' ? 'ERR_SHAPE_MISMATCH' : 'ERR_RUN_FAILED',
      /./,
    );
    expect(given.data.every((value) => value === 7)).toBe(true);
    const filled = await session.run(large, { [y]: given });
    expect(filled[y]).toBe(given);
    expect(given.data[0]).toBe(left[0]! + 1);
    await session.release();
  });

  it('records the phases of its runs as others', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    session.latency.reset();
    for (let run = 0; run < 50; run++) await session.run(feeds(run));
    const { queue, bind, invoke, fetch, total, counters } = session.latency.snapshot();
    expect([queue, bind, invoke, fetch, total].map(({ count }) => count)).toEqual(
      Array(5).fill(50),
    );
    expect(invoke.min).toBeGreaterThan(0);
    expect(counters.runs).toBe(50);
    await session.release();
  });

  it('settles runs in their order, also those on threads between them', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    const settled: number[] = [];
    const runs: Promise<unknown>[] = [];
    const before = session.inlineRuns;
    for (let run = 0; run < 500; run++) {
      runs.push(session.run(feeds(run)).then((result) => settled.push(first(result) - 1)));
      if (run % 20 === 0) await turn();
    }
    await Promise.all(runs);
    expect(settled).toEqual(Array.from({ length: 500 }, (_, run) => run));
    expect(session.inlineRuns).toBeGreaterThan(before);
    await session.release();
  });

  it('never holds up the event loop of a program that only awaits runs', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    let turns = 0;
    const count = (): void => {
      turns++;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const before = session.inlineRuns;
    for (let run = 0; run < 200; run++) {
      await session.run(feeds(run));
      for (const start = performance.now(); performance.now() - start < 1;);
    }
    clearImmediate(immediate);
    // More than a millisecond goes by from one to the next.
    expect(2 * turns).toBeGreaterThanOrEqual(session.inlineRuns - before - 2);
    expect(session.inlineRuns).toBeGreaterThan(before);
    await session.release();
  });

  it('makes some runs of many that are asked for at once, and leaves the others to threads', async () => {
    const count = 3000;
    const session = await InferenceSession.create(fixture(name), { ...always, maxQueue: count });
    await untilInline(session, () => session.run(feeds(0)));
    await turn();
    const before = session.inlineRuns;
    const results = await Promise.all(
      Array.from({ length: count }, (_, run) => session.run(feeds(run))),
    );
    expect(results.map(first)).toEqual(Array.from({ length: count }, (_, run) => run + 1));
    expect(session.inlineRuns).toBeGreaterThan(before);
    expect(session.inlineRuns - before).toBeLessThan(count);
    await session.release();
  });

  it.each([{ inline: 'never' }, { inline: { maxMicroseconds: 0 } }] as SessionOptions[])(
    'is not with %j',
    async (options) => {
      const session = await InferenceSession.create(fixture(name), options);
      for (let run = 0; run < 500; run++) await session.run(feeds(run));
      expect(session.inlineRuns).toBe(0);
      await session.release();
    },
  );

  it('refuses wrong feeds and released sessions by the promise', async () => {
    const session = await InferenceSession.create(fixture(name), always);
    await untilInline(session, () => session.run(feeds(0)));
    await expectError(() => session.run({ a: floats(1, 2, 3, 4) }), 'ERR_INVALID_ARGUMENT', /b/);
    await session.release();
    let promise: Promise<unknown> | undefined;
    expect(() => (promise = session.run(feeds(0)))).not.toThrow();
    expect((await errorOf(() => promise)).code).toBe('ERR_SESSION_RELEASED');
  });
});

describe('a run inline', () => {
  it('comes after the reset of variables that was asked for before', async () => {
    const session = await InferenceSession.create(fixture('accumulator.tflite'), always);
    const [input] = session.inputNames;
    const [shape] = session.inputMetadata.map((info) => (info.isTensor ? info.shape : []));
    const size = (shape as number[]).reduce((product, dim) => product * dim, 1);
    const one = {
      [input!]: new Tensor('float32', new Float32Array(size).fill(1), shape as number[]),
    };
    const initial = first(await session.run(one));
    await untilInline(session, () => session.run(one));
    for (let round = 0; round < 20; round++) {
      const reset = session.resetVariables();
      const result = await session.run(one);
      await reset;
      expect(first(result)).toBe(initial);
    }
    await session.release();
  });

  it('has the error of the model', async () => {
    // y = x[i]: an index out of range fails at run time.
    const int64 = 7;
    const model = encodeOnnx({
      inputs: [
        { name: 'x', type: float32, dims: [4] },
        { name: 'i', type: int64, dims: [1] },
      ],
      outputs: [{ name: 'y', type: float32, dims: [1] }],
      nodes: [{ op: 'Gather', inputs: ['x', 'i'], outputs: ['y'] }],
    });
    const session = await InferenceSession.create(model, always);
    const at = (index: bigint): Record<string, Tensor> => ({
      x: floats(5, 6, 7, 8),
      i: new Tensor('int64', [index], [1]),
    });
    await untilInline(session, () => session.run(at(2n)));
    for (let round = 0; round < 50; round++) {
      expect((await errorOf(() => session.run(at(9n)))).code).toBe('ERR_RUN_FAILED');
      expect(first(await session.run(at(1n)))).toBe(6);
    }
    expect(session.latency.failures.ERR_RUN_FAILED?.count).toBe(50);
    await session.release();
  });

  it('is not made of models that take longer', async () => {
    const size = 512;
    const session = await InferenceSession.create(products(size, 12), { intraOpNumThreads: 1 });
    const x = new Tensor('float32', new Float32Array(size), [1, size]);
    for (let run = 0; run < 300; run++) await session.run({ x });
    expect(session.inlineRuns).toBe(0);
    await session.release();
  });

  it('is made no more while the feeds are of a size that takes longer', async () => {
    const size = 64;
    const options: SessionOptions = {
      intraOpNumThreads: 1,
      inline: { maxMicroseconds: 1000, percentile: 75 },
    };
    const session = await InferenceSession.create(products(size, 40), options);
    const run = async (rows: number): Promise<void> => {
      const x = new Tensor('float32', new Float32Array(rows * size), [rows, size]);
      const { y } = await session.run({ x });
      expect(y!.dims).toEqual([rows, size]);
    };
    for (let round = 0; round < 3; round++) {
      await untilInline(session, () => run(1));
      // Many millions of products each: a few are too many.
      for (let index = 0; index < 10; index++) await run(2000);
      const before = session.inlineRuns;
      for (let index = 0; index < 10; index++) await run(2000);
      expect(session.inlineRuns).toBe(before);
    }
    await session.release();
  });

  it.each([
    [50, 1],
    [75, 3],
    [99, 99],
  ])('comes when runs are quick, at percentile %i after %i', async (percentile, runs) => {
    let least = Infinity;
    // One is enough on an idle machine.
    for (let session = 0; session < 50 && least !== runs; session++) {
      const options: SessionOptions = { inline: { maxMicroseconds: 1000, percentile } };
      await using created = await InferenceSession.create(fixture('add4.onnx'), options);
      least = Math.min(least, await untilInline(created, () => created.run(feeds(0))));
    }
    expect(least).toBe(runs);
  });

  it('is not one that can be given up', async () => {
    const session = await InferenceSession.create(fixture('add4.onnx'), always);
    await untilInline(session, () => session.run(feeds(0)));
    const before = session.inlineRuns;
    const { signal } = new AbortController();
    for (let run = 0; run < 20; run++) {
      expect(first(await session.run(feeds(run), { signal }))).toBe(run + 1);
      expect(first(await session.run(feeds(run), { timeoutMs: 60_000 }))).toBe(run + 1);
      await expectError(
        () => session.run(feeds(run), { signal: AbortSignal.abort() }),
        'ERR_CANCELLED',
        /./,
      );
    }
    expect(session.inlineRuns).toBe(before);
    await session.release();
  });

  it('ends with the worker that makes it', async () => {
    const code = `
      const { parentPort } = require('node:worker_threads');
      const { InferenceSession, Tensor } = require('onlite');
      (async () => {
        const inline = { maxMicroseconds: 1000, percentile: 50 };
        const session = await InferenceSession.create(${JSON.stringify(fixture('add4.onnx'))}, { inline });
        const x = () => new Tensor('float32', [1, 2, 3, 4]);
        for (let isTold = false; ; ) {
          await session.run({ a: x(), b: x() });
          if (isTold || session.inlineRuns < 10) continue;
          isTold = true;
          parentPort.postMessage('inline');
        }
      })();`;
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(code, { eval: true });
      await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      expect(await worker.terminate()).toBe(1);
    }
    await using session = await InferenceSession.create(fixture('add4.onnx'), always);
    await untilInline(session, () => session.run(feeds(0)));
  });

  it.each([
    ['always', "'auto', 'never' or {maxMicroseconds}"],
    [null, "'auto', 'never' or {maxMicroseconds}"],
    [{ maxMicroseconds: -1 }, '0 to 1000'],
    [{ maxMicroseconds: 1001 }, '0 to 1000'],
    [{ maxMicroseconds: NaN }, '0 to 1000'],
    [{ microseconds: 1 }, 'options.inline'],
    [{ maxMicroseconds: 20, percentile: 49 }, 'options.inline.percentile'],
    [{ maxMicroseconds: 20, percentile: 100 }, 'options.inline.percentile'],
    [{ maxMicroseconds: 20, percentile: 99.9 }, 'options.inline.percentile'],
  ])('%j is no option', async (inline, message) => {
    const error = await errorOf(() =>
      InferenceSession.create(fixture('add4.onnx'), { inline } as SessionOptions),
    );
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });
});

describe.each(['mlp.onnx', 'mlp.tflite'])('%s, whose first dim is dynamic,', (name) => {
  const rows = (count: number, seed: number): { x: Tensor } => ({
    x: new Tensor(
      'float32',
      Float32Array.from({ length: count * 16 }, (_, index) => Math.sin(seed + index)),
      [count, 16],
    ),
  });

  it('gives the same for shapes seen before as for new ones', async () => {
    const session = await InferenceSession.create(fixture(name), { inline: 'never' });
    const fresh = await InferenceSession.create(fixture(name), { inline: 'never' });
    const data = (result: InferenceSession.ReturnType): unknown =>
      Object.values(result).map((tensor) => [tensor.dims, tensor.data]);
    // More shapes than are kept, some again and again, sync and async.
    for (let round = 0; round < 120; round++) {
      const count = 1 + ((round * round) % 13);
      const x = rows(count, round);
      const expected = data(await fresh.run(x, fresh.outputNames));
      expect(data(round % 2 === 0 ? session.runSync(x) : await session.run(x))).toEqual(expected);
      expect(data(session.runSync(x))).toEqual(expected);
    }
    await Promise.all([session.release(), fresh.release()]);
  });
});
