import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { InferenceSession, Tensor, type SessionHandle, type SessionOptions } from 'onlite';
import { metricsText } from 'onlite/metrics';
import { afterEach, describe, expect, it } from 'vitest';

import { addFeeds, valueOf } from './metrics-support';
import { errorOf, expectError, fixture, root } from './support';

type Answer = Record<string, unknown>;

/** Another thread, in which shared-session-worker.mjs does what it is asked. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;
  readonly ready: Promise<Answer>;

  constructor(handle?: SessionHandle) {
    this.#worker = new Worker(join(__dirname, 'shared-session-worker.mjs'), {
      workerData: { handle },
    });
    this.#worker.on('message', ({ id, ...answer }: Answer & { id: number }) => {
      this.#waiting.get(id)?.(answer);
    });
    this.ready = new Promise((resolve) => this.#waiting.set(0, resolve));
  }

  ask(task: string, data: object = {}): Promise<Answer> {
    const id = ++this.#last;
    this.#worker.postMessage({ id, task, ...data });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  terminate(): Promise<number> {
    return this.#worker.terminate();
  }
}

const threads: Thread[] = [];
async function start(handle?: SessionHandle): Promise<Thread> {
  const thread = new Thread(handle);
  threads.push(thread);
  await thread.ready;
  return thread;
}
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
});

const plain = (feeds: Record<string, Tensor>): Record<string, object> =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [name, { type, data, dims }]),
  );

const row = (number: number): Record<string, Tensor> => ({
  x: new Tensor(
    'float32',
    Float32Array.from({ length: 16 }, (_, index) => Math.sin(number * 31 + index)),
    [1, 16],
  ),
});

const forever = 60_000;

describe.each(['onnx', 'tflite'])('a session that is shared: %s', (format) => {
  const create = (model: string, options?: SessionOptions): Promise<InferenceSession> =>
    InferenceSession.create(fixture(`${model}.${format}`), options);

  it('is the same in another thread, in every way of running', async () => {
    const session = await create('add4', { name: 'shared model', concurrency: 3 });
    const thread = await start();
    const { name, engine, concurrency, inputMetadata, outputMetadata, signatures } = session;
    expect(await thread.ask('attach', { handle: session.share() })).toEqual({
      ...{ name, engine, concurrency, inputMetadata, outputMetadata },
      signatures: { ...signatures },
    });
    const { sum } = session.runSync(addFeeds());
    const expected = { sum: { type: 'float32', data: sum?.data, dims: sum?.dims } };
    expect(await thread.ask('ways', { feeds: plain(addFeeds()) })).toEqual({
      run: expected,
      runSync: expected,
      bound: expected,
      boundSync: expected,
    });
    await session.release();
  });

  it('may be attached in the thread that shares it', async () => {
    const session = await create('add4');
    const handle = session.share();
    expect(session.share()).toEqual(handle);
    const attached = InferenceSession.attach(structuredClone(handle));
    expect(attached.share()).toEqual(handle);
    const io = session.bind({ inputs: addFeeds() });
    const other = attached.bind({ inputs: addFeeds() });
    await session.release();
    await expectError(() => io.run(), 'ERR_SESSION_RELEASED', /released/);
    await other.run();
    expect(other.outputs['sum']?.data).toEqual(Float32Array.of(1, 2, 3, 4));
    await attached.release();
    await attached.release();
    await expectError(() => other.run(), 'ERR_SESSION_RELEASED', /released/);
    await expectError(() => attached.share(), 'ERR_SESSION_RELEASED', 'the session was released');
    await expectError(() => InferenceSession.attach(handle), 'ERR_SESSION_RELEASED', /^handle: /);
  });

  it('has one batcher: rows of several threads are one batch', async () => {
    const session = await create('mlp', {
      batching: { maxBatchSize: 12, maxDelayMs: forever },
    });
    const single = await create('mlp');
    const [one, other] = [await start(session.share()), await start(session.share())];
    const runs = Promise.all([
      one.ask('run', { feeds: plain(row(1)), count: 4 }),
      other.ask('run', { feeds: plain(row(2)), count: 4 }),
      ...Array.from({ length: 4 }, () => session.run(row(3))),
    ]);
    const [first, second, ...own] = await runs;
    expect([...session.batchSizes]).toEqual([[12, 1]]);
    for (const [number, results] of [
      [1, first['results']],
      [2, second['results']],
      [3, own],
    ] as const) {
      const [output] = Object.values(single.runSync(row(number)));
      for (const result of results as Record<string, Tensor>[]) {
        expect(Object.values(result)[0]?.data).toEqual(output?.data);
      }
    }
    expect(session.latency.snapshot().batchSizes).toEqual({ 12: 1 });
    await session.release();
    await single.release();
  });

  it('has one queue, whose limit counts the runs of all threads', async () => {
    const rowBytes = 16 * 4;
    const session = await create('mlp', {
      batching: { maxBatchSize: 100, maxDelayMs: forever },
      maxQueueBytes: 10 * rowBytes,
    });
    const thread = await start(session.share());
    await thread.ask('post', { feeds: plain(row(1)), count: 9 });
    const last = session.run(row(2));
    await expectError(() => session.run(row(2)), 'ERR_QUEUE_FULL', /hold 640 bytes/);
    expect(session.latency.counters.rejected).toBe(1);
    // The last to release it has what gathers run.
    const released = thread.ask('release');
    await Promise.all([last, session.release(), released]);
    const posted = await thread.ask('posted');
    expect(posted['codes']).toEqual([]);
    expect(posted['results']).toHaveLength(9);
  });

  it('knows the runs of each thread apart, whose numbers are the same', async () => {
    const session = await create('mlp', {
      batching: { maxBatchSize: 100, maxDelayMs: forever },
    });
    const thread = await start(session.share());
    await thread.ask('post', { feeds: plain(row(1)), count: 9 });
    const controller = new AbortController();
    const own = Array.from({ length: 9 }, () => session.run(row(2), { signal: controller.signal }));
    controller.abort();
    for (const run of own) expect((await errorOf(() => run)).code).toBe('ERR_CANCELLED');
    await thread.ask('release');
    const posted = await thread.ask('posted');
    expect(posted['codes']).toEqual([]);
    expect(posted['results']).toHaveLength(9);
    expect([...session.batchSizes]).toEqual([[9, 1]]);
    await session.release();
  });

  it('has one set of histograms', async () => {
    const session = await create('add4', { inline: 'never' });
    const thread = await start(session.share());
    await thread.ask('run', { feeds: plain(addFeeds()), count: 7 });
    for (let run = 0; run < 5; run++) await session.run(addFeeds());
    session.runSync(addFeeds());
    expect(session.latency.counters.runs).toBe(13);
    expect(session.latency.queue.count).toBe(12);
    expect(await thread.ask('runs')).toEqual({ runs: 13, inline: 0 });
    await thread.ask('reset');
    expect(session.latency.counters.runs).toBe(0);
    await thread.ask('run', { feeds: plain(addFeeds()), count: 2 });
    // The others' too are in the one interval.
    expect(session.latency.interval().counters.runs).toBe(2);
    expect(session.latency.interval().counters.runs).toBe(0);
    await session.release();
    // It counts on for who has released it.
    await thread.ask('run', { feeds: plain(addFeeds()), count: 3 });
    expect(session.latency.counters.runs).toBe(5);
  });

  it('is counted once in the metrics of a thread, as a whole', async () => {
    const model = `shared ${format}`;
    const labels = { model };
    const session = await create('add4', { name: model, inline: 'never' });
    const thread = await start(session.share());
    await thread.ask('run', { feeds: plain(addFeeds()), count: 3 });
    const attached = InferenceSession.attach(session.share());
    await attached.run(addFeeds());
    const runs = (): number => valueOf(metricsText(), 'onlite_runs_total', labels);
    const sessions = (): number => valueOf(metricsText(), 'onlite_sessions', labels);
    expect([runs(), sessions()]).toEqual([4, 1]);
    expect(
      valueOf((await thread.ask('metrics'))['text'] as string, 'onlite_runs_total', labels),
    ).toBe(4);
    attached.latency.reset();
    expect(runs()).toBe(4);
    await attached.release();
    expect([runs(), sessions()]).toEqual([4, 1]);
    const handle = session.share();
    await session.release();
    expect([runs(), sessions()]).toEqual([4, 0]);
    await thread.ask('run', { feeds: plain(addFeeds()), count: 2 });
    expect(runs()).toBe(6);
    // Had again it is not counted twice, nor when it is gone.
    const again = InferenceSession.attach(handle);
    expect([runs(), sessions()]).toEqual([6, 1]);
    await again.release();
    await thread.ask('release');
    expect([runs(), sessions()]).toEqual([6, 0]);
  });

  it('can be profiled where it is attached', async () => {
    const session = await create('mlp');
    const thread = await start(session.share());
    const { operators, message } = await thread.ask('profile', {
      feeds: plain(row(1)),
      options: { runs: 2 },
    });
    expect(message).toBeUndefined();
    expect(operators).toBeGreaterThan(0);
    await session.release();
  });

  it('refuses what is no handle of the process', async () => {
    const session = await create('add4');
    const { type, token } = session.share();
    const wrong = [
      undefined,
      null,
      'handle',
      {},
      { token: 5 },
      { token: '' },
      { type, token: 'x' },
    ];
    for (const handle of [
      ...wrong,
      { type, token: `${token}0` },
      { type, token: token.slice(1) },
    ]) {
      const error = await errorOf(() => InferenceSession.attach(handle as SessionHandle));
      expect(error.code).toBe('ERR_INVALID_ARGUMENT');
      expect(error.message).toMatch(/^handle: expected what share\(\) of a session/);
    }
    // Nobody can inherit one.
    const inherited = Object.create({ type, token }) as SessionHandle;
    expect((await errorOf(() => InferenceSession.attach(inherited))).code).toBe(
      'ERR_INVALID_ARGUMENT',
    );
    await session.release();
  });
});

it('is of one process', async () => {
  const script = `
    const { InferenceSession } = require('onlite');
    InferenceSession.create(${JSON.stringify(fixture('add4.onnx'))}).then((session) => {
      console.log(JSON.stringify(session.share()));
    });`;
  const output = execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
  const handle = JSON.parse(output.trim().split('\n').at(-1) ?? '') as SessionHandle;
  await expectError(
    () => InferenceSession.attach(handle),
    'ERR_INVALID_ARGUMENT',
    /^handle: expected what share\(\) of a session of this process has given/,
  );
});
