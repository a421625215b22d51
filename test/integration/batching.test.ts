import { Worker } from 'node:worker_threads';

import { InferenceSession, Tensor, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { errorOf, expectError, fixture } from './support';

const columns = 16;
/** So long that only a full batch, a flush or a cancellation ends the waiting in a test. */
const forever = 60_000;

const feeds = (number: number, rows = 1): { x: Tensor } => ({
  x: new Tensor(
    'float32',
    Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(number * 31 + index)),
    [rows, columns],
  ),
});

function output(result: InferenceSession.ReturnType): Tensor {
  const [tensor] = Object.values(result);
  if (tensor === undefined) throw new Error('no output');
  return tensor;
}

const requests = (session: InferenceSession): number =>
  [...session.batchSizes].reduce((sum, [rows, count]) => sum + rows * count, 0);

describe.each(['mlp.onnx', 'mlp.tflite'])('batching of %s', (name) => {
  const create = (
    batching: SessionOptions['batching'],
    options?: SessionOptions,
  ): Promise<InferenceSession> =>
    InferenceSession.create(fixture(name), { ...options, ...(batching ? { batching } : {}) });

  async function expectUnbatchedResults(
    session: InferenceSession,
    rowsOf: (index: number) => number,
  ): Promise<void> {
    const plain = await create(undefined);
    const results = await Promise.all(
      Array.from({ length: 64 }, (_, index) => session.run(feeds(index, rowsOf(index)))),
    );
    for (const [index, result] of results.entries()) {
      const expected = output(plain.runSync(feeds(index, rowsOf(index))));
      expect(output(result).dims).toEqual(expected.dims);
      expect(output(result).data).toEqual(expected.data);
    }
    await plain.release();
  }

  it('gives 64 concurrent runs what they get unbatched', async () => {
    const session = await create({ maxBatchSize: 64, maxDelayMs: forever });
    await expectUnbatchedResults(session, () => 1);
    expect([...session.batchSizes]).toEqual([[64, 1]]);
    await session.release();
  });

  it('puts runs of different sizes together', async () => {
    const session = await create({ maxBatchSize: 10, maxDelayMs: 5 });
    await expectUnbatchedResults(session, (index) => 1 + (index % 4));
    expect([...session.batchSizes.keys()].every((rows) => rows <= 10)).toBe(true);
    expect(requests(session)).toBe(160);
    await session.release();
  });

  it('runs what comes together while the session is busy, without a delay', async () => {
    const session = await create({ maxBatchSize: 64 });
    await expectUnbatchedResults(session, () => 1);
    expect(requests(session)).toBe(64);
    await session.release();
  });

  it('fills batches up to allowed sizes', async () => {
    const session = await create({ maxBatchSize: 16, maxDelayMs: 2, allowedSizes: [3, 7, 16] });
    await expectUnbatchedResults(session, (index) => 1 + (index % 2));
    const single = await session.run(feeds(1));
    expect(output(single).dims).toEqual([1, 4]);
    await session.release();
  });

  it('runs by themselves what cannot be put together', async () => {
    const session = await create({ maxBatchSize: 4, maxDelayMs: forever });
    const results = await Promise.all([
      session.run(feeds(1, 5)),
      session.run(feeds(2, 1), { tag: 'mine' }),
    ]);
    expect(results.map((result) => output(result).dims)).toEqual([
      [5, 4],
      [1, 4],
    ]);
    expect(session.batchSizes.size).toBe(0);
    await session.release();
  });

  it('lets a bad request fail alone', async () => {
    const session = await create({ maxBatchSize: 4, maxDelayMs: forever });
    const good = [1, 2].map((number) => session.run(feeds(number)));
    const bad = new Tensor('float32', new Float32Array(15), [1, 15]);
    await expectError(() => session.run({ x: bad }), 'ERR_SHAPE_MISMATCH', /inputs\.x\.dims/);
    good.push(...[3, 4].map((number) => session.run(feeds(number))));
    await Promise.all(good);
    expect([...session.batchSizes]).toEqual([[4, 1]]);
    await session.release();
  });

  it('cancels and times out requests that wait', async () => {
    const session = await create({ maxBatchSize: 4, maxDelayMs: forever });
    const controller = new AbortController();
    const first = session.run(feeds(0));
    const cancelled = errorOf(() => session.run(feeds(1), { signal: controller.signal }));
    const late = errorOf(() => session.run(feeds(2), { timeoutMs: 5 }));
    controller.abort();
    expect((await cancelled).code).toBe('ERR_CANCELLED');
    expect((await late).code).toBe('ERR_TIMEOUT');
    const others = [3, 4, 5].map((number) => session.run(feeds(number)));
    await Promise.all([first, ...others]);
    expect([...session.batchSizes]).toEqual([[4, 1]]);
    await session.release();
  });

  it('cancels requests of a batch that runs, one and all', async () => {
    const rows = 20_000;
    const session = await create({ maxBatchSize: 3 * rows });
    const large = Array.from({ length: 3 }, (_, number) => feeds(number, rows));
    const expected = output(await session.run(large[0] as { x: Tensor })).data;
    for (let round = 0; round < 12; round++) {
      const controller = new AbortController();
      const { signal } = controller;
      const runs = large.map((feed, index) =>
        session.run(feed, index === 0 && round % 2 === 0 ? {} : { signal }),
      );
      const settled = Promise.allSettled(runs);
      await new Promise((resolve) => setTimeout(resolve, round % 3));
      controller.abort();
      const outcomes = await settled;
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') {
          expect((outcome.reason as { code: string }).code).toBe('ERR_CANCELLED');
        }
      }
      if (round % 2 === 0) {
        expect(outcomes[0]?.status).toBe('fulfilled');
        expect(output(await runs[0]!).data).toEqual(expected);
      }
    }
    expect(output(await session.run(large[0] as { x: Tensor })).data).toEqual(expected);
    await session.release();
  });

  it('runs what has gathered before it is released', async () => {
    const session = await create({ maxBatchSize: 100, maxDelayMs: forever });
    const runs = Array.from({ length: 10 }, (_, number) => session.run(feeds(number)));
    const released = session.release();
    expect((await Promise.all(runs)).map((result) => output(result).dims[0])).toEqual(
      Array.from({ length: 10 }, () => 1),
    );
    await released;
    await expectError(() => session.run(feeds(1)), 'ERR_SESSION_RELEASED', /released/);
  });

  it('counts requests for maxQueue', async () => {
    const session = await create({ maxBatchSize: 8, maxDelayMs: forever }, { maxQueue: 0 });
    const controller = new AbortController();
    const runs = Array.from({ length: 7 }, (_, number) => session.run(feeds(number)));
    const last = errorOf(() => session.run(feeds(7, 2), { signal: controller.signal }));
    const settled = Promise.all(runs);
    controller.abort();
    expect((await last).code).toBe('ERR_CANCELLED');
    await settled;
    await session.release();

    const strict = await create({ maxBatchSize: 2, maxDelayMs: forever }, { maxQueue: 1 });
    const shapes = [feeds(0, 2), feeds(1, 2), feeds(2, 2), feeds(3, 2), feeds(4, 2), feeds(5, 2)];
    const outcomes = await Promise.allSettled(shapes.map((shape) => strict.run(shape)));
    expect(outcomes[0]?.status).toBe('fulfilled');
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect((outcome.reason as { code: string }).code).toBe('ERR_QUEUE_FULL');
      }
    }
    await strict.run(feeds(1, 2));
    await strict.release();
  });

  it('resolves a single run when its delay is over', async () => {
    const session = await create({ maxBatchSize: 100, maxDelayMs: 3 });
    for (let number = 0; number < 5; number++) await session.run(feeds(number));
    expect([...session.batchSizes]).toEqual([[1, 5]]);
    await session.release();
  });

  it('records the latency of each request', async () => {
    const session = await create({ maxBatchSize: 4, maxDelayMs: forever });
    await Promise.all([1, 2, 3, 4].map((number) => session.run(feeds(number))));
    expect(session.latency.total.snapshot().count).toBe(4);
    await session.release();
  });

  it('lets a worker end in the middle of batches', async () => {
    for (const [round, maxDelayMs] of [0, 1, forever, 0, 1, forever].entries()) {
      const worker = new Worker(
        `const { parentPort, workerData: { model, maxDelayMs } } = require('node:worker_threads');
         const { InferenceSession, Tensor } = require('onlite');
         (async () => {
           const session = await InferenceSession.create(model, {
             batching: { maxBatchSize: maxDelayMs > 1 ? 1000 : 7, maxDelayMs } });
           const x = new Tensor('float32', new Float32Array(${columns}), [1, ${columns}]);
           for (let lane = 0; lane < 32; lane++)
             (async () => { for (;;) await session.run({ x }); })();
           parentPort.postMessage('busy');
         })();`,
        { eval: true, workerData: { model: fixture(name), maxDelayMs } },
      );
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      await new Promise((resolve) => setTimeout(resolve, 3 * round));
      await worker.terminate();
      expect(await exited).toBe(1);
    }
  });
});

describe('batches that do not go well', () => {
  it('are run one by one when one request makes the runtime fail', async () => {
    const model = encodeOnnx({
      inputs: [{ name: 'index', type: int64, dims: ['n'] }],
      outputs: [{ name: 'picked', type: float32, dims: ['n', 2] }],
      nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['picked'] }],
      initializers: [{ name: 'table', dims: [3, 2], data: Float32Array.of(0, 1, 2, 3, 4, 5) }],
    });
    const session = await InferenceSession.create(model, {
      batching: { maxBatchSize: 4, maxDelayMs: forever },
    });
    const pick = (index: number): Promise<InferenceSession.ReturnType> =>
      session.run({ index: new Tensor('int64', [BigInt(index)], [1]) });
    const outcomes = await Promise.allSettled([0, 99, 2, 1].map(pick));
    expect([...session.batchSizes]).toEqual([[4, 1]]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    const [first, bad, third] = outcomes;
    if (bad?.status === 'rejected') expect(bad.reason).toMatchObject({ code: 'ERR_RUN_FAILED' });
    if (first?.status === 'fulfilled') {
      expect([...(output(first.value).data as Float32Array)]).toEqual([0, 1]);
    }
    if (third?.status === 'fulfilled') {
      expect([...(output(third.value).data as Float32Array)]).toEqual([4, 5]);
    }
    await session.release();
  });

  it('are run one by one, and from then on alone, when an output has other rows', async () => {
    const model = encodeOnnx({
      inputs: [{ name: 'x', type: float32, dims: ['n'] }],
      outputs: [{ name: 'distinct', type: float32, dims: [''] }],
      nodes: [{ op: 'Unique', inputs: ['x'], outputs: ['distinct'] }],
    });
    const session = await InferenceSession.create(model, {
      batching: { maxBatchSize: 4, maxDelayMs: forever },
    });
    const results = await Promise.all(
      [1, 2, 2, 3].map((value) =>
        session.run({ x: new Tensor('float32', Float32Array.of(value), [1]) }),
      ),
    );
    expect([...session.batchSizes]).toEqual([[4, 1]]);
    expect(results.map((result) => [...(output(result).data as Float32Array)])).toEqual([
      [1],
      [2],
      [2],
      [3],
    ]);
    // Four distinct ones would have fitted.
    const more = await Promise.all(
      [7, 8, 9, 6].map((value) =>
        session.run({ x: new Tensor('float32', Float32Array.of(value), [1]) }),
      ),
    );
    expect([...session.batchSizes]).toEqual([[4, 1]]);
    expect(more.map((result) => [...(output(result).data as Float32Array)])).toEqual([
      [7],
      [8],
      [9],
      [6],
    ]);
    await session.release();
  });

  it('keep the inputs for outputs that are inputs', async () => {
    const session = await InferenceSession.create(fixture('identity_int64.onnx'), {
      batching: { maxBatchSize: 8, maxDelayMs: forever },
    });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, number) =>
        session.run({ x: new Tensor('int64', [1n, 2n, BigInt(number)], [1, 3]) }),
      ),
    );
    expect(results.map((result) => output(result).data)).toEqual(
      results.map((_, number) => BigInt64Array.of(1n, 2n, BigInt(number))),
    );
    await session.release();
  });
});

describe('options.batching', () => {
  const create = (model: string, batching: unknown): Promise<InferenceSession> =>
    InferenceSession.create(fixture(model), { batching } as SessionOptions);

  it.each([
    [7, 'options.batching: '],
    [{}, 'options.batching.maxBatchSize: '],
    [{ maxBatchSize: 0 }, 'options.batching.maxBatchSize: '],
    [{ maxBatchSize: 1.5 }, 'options.batching.maxBatchSize: '],
    [{ maxBatchSize: 4, maxDelayMs: -1 }, 'options.batching.maxDelayMs: '],
    [{ maxBatchSize: 4, maxDelayMs: NaN }, 'options.batching.maxDelayMs: '],
    [{ maxBatchSize: 4, maxDelay: 1 }, 'options.batching: '],
    [{ maxBatchSize: 4, allowedSizes: 4 }, 'options.batching.allowedSizes: '],
    [{ maxBatchSize: 4, allowedSizes: [2] }, 'options.batching.allowedSizes: '],
    [{ maxBatchSize: 4, allowedSizes: [] }, 'options.batching.allowedSizes: '],
    [{ maxBatchSize: 4, allowedSizes: [4, 4] }, 'options.batching.allowedSizes[1]: '],
    [{ maxBatchSize: 4, allowedSizes: [0, 4] }, 'options.batching.allowedSizes[0]: '],
  ])('%j is refused', async (batching, message) => {
    const error = await errorOf(() => create('mlp.onnx', batching));
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.message.startsWith(message), error.message).toBe(true);
  });

  it.each([
    ['add4.onnx', 'the first dimension of inputs.a is not dynamic'],
    ['add4.tflite', 'the first dimension of inputs.a is not dynamic'],
    ['accumulator.tflite', 'the model has variables'],
    ['identity_string.onnx', 'inputs.x has elements of no fixed size'],
    ['no_inputs.onnx', 'the model has no inputs'],
    ['../ways/rows_named.onnx', 'the first dimension of outputs.y is kept, expected batch'],
    ['../ways/rows_output_named.onnx', 'the first dimension of outputs.y is kept'],
    ['../ways/rows_of_a_table.onnx', 'the first dimension of inputs.i is batch, expected entries'],
  ])('%s cannot be batched', async (model, why) => {
    const error = await errorOf(() => create(model, { maxBatchSize: 4 }));
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toContain(why);
  });

  // Their symbols promise nothing, and the model keeps only some rows.
  it.each(['../ways/rows_unnamed.onnx', '../ways/rows_made_up.onnx'])(
    'of %s gives each request the rows of its own',
    async (model) => {
      const session = await create(model, { maxBatchSize: 4, maxDelayMs: 5 });
      const asked = [[1, 0, 2], [0], [3, 4]];
      const results = await Promise.all(
        asked.map((rows) =>
          session.run({ x: new Tensor('float32', Float32Array.from(rows), [rows.length, 1]) }),
        ),
      );
      const kept = results.map((result) => [...(output(result).data as Float32Array)]);
      expect(kept).toEqual([[1, 2], [], [3, 4]]);
      await session.release();
    },
  );

  it('is empty without', async () => {
    const session = await InferenceSession.create(fixture('mlp.onnx'));
    await session.run(feeds(1));
    expect(session.batchSizes.size).toBe(0);
    await session.release();
  });
});
