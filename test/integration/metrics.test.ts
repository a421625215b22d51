import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { InferenceSession, Tensor, TensorPool, type SessionOptions } from 'onlite';
import {
  createHandler,
  EventLoopDelay,
  handler,
  metricsText,
  OPENMETRICS_CONTENT_TYPE,
  PROMETHEUS_CONTENT_TYPE,
} from 'onlite/metrics';
import { describe, expect, it } from 'vitest';

import { addFeeds, longFeeds, longModel, valueOf } from './metrics-support';
import { expectError, fixture, root } from './support';

const create = (name: string, options: SessionOptions = {}): Promise<InferenceSession> =>
  InferenceSession.create(fixture('add4.onnx'), { name, ...options });

/** The value of a session's sample. */
const value = (name: string, model: string, labels: Record<string, string> = {}): number =>
  valueOf(metricsText(), name, { model, ...labels });

async function collectGarbage(until: () => boolean): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let attempt = 0; attempt < 200 && !until(); attempt++) {
    gc();
    await sleep(5);
  }
}

describe('the sessions', () => {
  it.each(['add4.onnx', 'add4.tflite'])('%s is counted by phase', async (file) => {
    await using session = await InferenceSession.create(fixture(file));
    expect(session.name).toBe('add4');
    const engine = session.engine;
    for (let run = 0; run < 3; run++) await session.run(addFeeds());
    session.runSync(addFeeds());
    const count = (phase: string): number =>
      value('onlite_run_duration_seconds_count', 'add4', { engine, phase });
    expect(['queue', 'bind', 'invoke', 'fetch', 'total'].map(count)).toEqual([3, 3, 4, 3, 4]);
    expect(value('onlite_runs_total', 'add4', { engine })).toBe(4);
    const { mean } = session.latency.total.snapshot();
    const sum = value('onlite_run_duration_seconds_sum', 'add4', { engine, phase: 'total' });
    expect(sum / ((mean * 4) / 1e9)).toBeCloseTo(1, 6);
    const text = metricsText({ buckets: [1e-6, 100] });
    const labels = { model: 'add4', engine, phase: 'total' };
    expect(valueOf(text, 'onlite_run_duration_seconds_bucket', { ...labels, le: '100' })).toBe(4);
    expect(text).not.toContain('le="10"');
  });

  it('tell which runs the calling thread made at once, also after a reset and a release', async () => {
    const inline = { maxMicroseconds: 1000, percentile: 50 };
    const session = await create('inlined', { inline });
    expect(value('onlite_runs_inline_total', 'inlined')).toBe(0);
    for (let run = 0; run < 20_000 && session.inlineRuns < 3; run++) await session.run(addFeeds());
    const { inlineRuns } = session;
    expect(inlineRuns).toBe(3);
    session.latency.reset();
    expect(value('onlite_runs_inline_total', 'inlined')).toBe(inlineRuns);
    await session.release();
    expect(value('onlite_runs_inline_total', 'inlined')).toBe(inlineRuns);
  });

  it('have names of their own, or unnamed ones', async () => {
    const { readFileSync } = await import('node:fs');
    await using bytes = await InferenceSession.create(readFileSync(fixture('add4.onnx')));
    await using odd = await create('a "b"\\\nc');
    expect([bytes.name, odd.name]).toEqual(['unnamed', 'a "b"\\\nc']);
    expect(metricsText()).toContain('model="a \\"b\\"\\\\\\nc"');
    for (const name of ['', 'x'.repeat(257), 'a\0b', 7]) {
      await expectError(() => create(name as string), 'ERR_INVALID_ARGUMENT', /^options\.name: /);
    }
  });

  it('count failures, cancelled, timed out and rejected runs', async () => {
    const options = { name: 'failing', maxQueue: 0 };
    await using session = await InferenceSession.create(longModel, options);
    const cancelled = new AbortController();
    const run = session.run(longFeeds(), { signal: cancelled.signal });
    await expectError(() => session.run(longFeeds()), 'ERR_QUEUE_FULL', /./);
    cancelled.abort();
    await run.catch(() => undefined);
    expect(session.latency.counters).toMatchObject({ cancelled: 1, rejected: 1 });
    expect(value('onlite_runs_rejected_total', 'failing')).toBe(1);
    expect(value('onlite_runs_cancelled_total', 'failing')).toBe(1);
    expect(value('onlite_runs_timed_out_total', 'failing')).toBe(0);
    expect(value('onlite_run_errors_total', 'failing', { code: 'ERR_CANCELLED' })).toBe(1);
    expect(value('onlite_runs_total', 'failing')).toBe(0);
  });

  it('go on counting over release, reset and collection', async () => {
    const model = 'going on';
    const seen: number[] = [];
    const look = (): void => {
      seen.push(value('onlite_run_duration_seconds_count', model, { phase: 'invoke' }));
      seen.push(value('onlite_runs_total', model));
    };
    const first = await create(model);
    await first.run(addFeeds());
    look();
    first.latency.reset();
    look();
    await first.run(addFeeds());
    first.latency.total.reset();
    look();
    first.latency.invoke.reset();
    look();
    await first.release();
    expect(value('onlite_sessions', model)).toBe(0);
    look();
    first.latency.reset();
    look();
    const forget = async (): Promise<void> => {
      const second = await create(model);
      second.runSync(addFeeds());
      const binding = second.bind();
      await binding.run();
    };
    await forget();
    look();
    await collectGarbage(() => value('onlite_sessions', model) === 0);
    expect(value('onlite_sessions', model)).toBe(0);
    look();
    expect(seen).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4]);
  });

  it('are counted with the run that is in flight when they are forgotten', async () => {
    const name = 'forgotten';
    let collected = false;
    const registry = new FinalizationRegistry(() => (collected = true));
    const start = async (): Promise<{ run: Promise<object> }> => {
      const session = await InferenceSession.create(longModel, { name });
      registry.register(session, undefined);
      const run = session.run(longFeeds());
      run.catch(() => undefined);
      return { run };
    };
    const { run } = await start();
    await collectGarbage(() => collected);
    await run;
    expect(collected).toBe(true);
    expect(value('onlite_runs_total', name)).toBe(1);
    await collectGarbage(() => value('onlite_sessions', name) === 0);
    expect([value('onlite_sessions', name), value('onlite_runs_total', name)]).toEqual([0, 1]);
  });

  it('are added up where they have one name', async () => {
    await using one = await create('shared');
    await using other = await create('shared');
    await Promise.all([one.run(addFeeds()), other.run(addFeeds()), other.run(addFeeds())]);
    expect(value('onlite_runs_total', 'shared')).toBe(3);
    expect(value('onlite_sessions', 'shared')).toBe(2);
  });

  it('tell of batches, and of what waits and runs', async () => {
    const batching = { maxBatchSize: 4, maxDelayMs: 60_000 };
    const options = { name: 'batched', batching };
    await using session = await InferenceSession.create(fixture('mlp.onnx'), options);
    const [name] = session.inputNames;
    const row = (): Record<string, Tensor> => ({
      [name!]: new Tensor('float32', new Float32Array(16), [1, 16]),
    });
    expect(metricsText()).not.toContain('onlite_batch_size');
    const runs = [session.run(row()), session.run(row()), session.run(row())];
    expect(value('onlite_queue_depth', 'batched')).toBe(3);
    expect(value('onlite_runs_in_flight', 'batched')).toBe(0);
    await Promise.all([...runs, session.run(row())]);
    expect(value('onlite_queue_depth', 'batched')).toBe(0);
    expect(value('onlite_batch_size_sum', 'batched')).toBe(4);
    expect(value('onlite_batch_size_count', 'batched')).toBe(1);
    expect(value('onlite_batch_size_bucket', 'batched', { le: '2' })).toBe(0);
    expect(value('onlite_batch_size_bucket', 'batched', { le: '4' })).toBe(1);
  });
});

describe('the process', () => {
  it('has pools, memory and CPU time', () => {
    const pool = new TensorPool();
    const inUse = (): number =>
      valueOf(metricsText(), 'onlite_pool_bytes', { pool: 'other', state: 'in_use' });
    const before = inUse();
    const tensor = pool.acquire('float32', [1000]);
    expect(inUse() - before).toBe(pool.stats.bytesInUse);
    tensor.dispose();
    expect(inUse()).toBe(before);
    const text = metricsText();
    expect(valueOf(text, 'onlite_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(valueOf(text, 'onlite_cpu_seconds_total', { mode: 'user' })).toBeGreaterThan(0);
    expect(metricsText({ process: false })).not.toContain('resident');
  });

  it("has the event loop's delay when asked for", async () => {
    expect(metricsText()).not.toContain('event_loop');
    using delay = new EventLoopDelay({ intervalMs: 1 });
    await sleep(20);
    const until = performance.now() + 60;
    while (performance.now() < until);
    await sleep(20);
    expect(delay.histogram.snapshot().max).toBeGreaterThan(50e6);
    const text = metricsText({ eventLoopDelay: delay });
    const samples = valueOf(text, 'onlite_event_loop_delay_seconds_count');
    expect(samples).toBe(delay.histogram.count);
    const fast = valueOf(text, 'onlite_event_loop_delay_seconds_bucket', { le: '0.05' });
    expect(samples - fast).toBeGreaterThanOrEqual(1);
    delay.stop();
    const { count } = delay.histogram;
    await sleep(20);
    expect(delay.histogram.count).toBe(count);
    expect(() => new EventLoopDelay({ intervalMs: 0 })).toThrow(/options.intervalMs/);
  });
});

describe('the handler', () => {
  const listening = async (
    listener: Parameters<typeof createServer>[1],
  ): Promise<{ url: string } & AsyncDisposable> => {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      [Symbol.asyncDispose]: () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  };

  it('answers GET and HEAD, and nothing else', async () => {
    await using server = await listening(handler);
    const get = await fetch(`${server.url}/metrics?x=1`);
    expect([get.status, get.headers.get('content-type')]).toEqual([200, PROMETHEUS_CONTENT_TYPE]);
    const body = await get.text();
    expect(valueOf(body, 'onlite_resident_memory_bytes')).toBeGreaterThan(0);
    const head = await fetch(`${server.url}/metrics`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100);
    const post = await fetch(`${server.url}/metrics`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${server.url}/`)).status).toBe(404);
    const open = await fetch(`${server.url}/metrics`, {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    });
    expect(open.headers.get('content-type')).toBe(OPENMETRICS_CONTENT_TYPE);
    expect(await open.text()).toMatch(/\n# EOF\n$/);
  });

  it('can be elsewhere, also where a framework mounts it', async () => {
    const elsewhere = createHandler({ path: '/internal', process: false });
    await using server = await listening((request, response) => {
      Object.assign(request, { originalUrl: request.url });
      request.url = '/';
      elsewhere(request, response);
    });
    expect((await fetch(`${server.url}/internal`)).status).toBe(200);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    expect(() => createHandler({ path: 'metrics' })).toThrow(/options.path/);
  });

  it('answers an error with 500 and a warning, without saying what it was', async () => {
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    using eventLoopDelay = new EventLoopDelay();
    Object.defineProperty(eventLoopDelay, 'histogram', {
      get: () => {
        throw new Error('a secret');
      },
    });
    eventLoopDelay.stop();
    await using server = await listening(createHandler({ eventLoopDelay }));
    const answer = await fetch(`${server.url}/metrics`);
    expect([answer.status, await answer.text()]).toEqual([500, 'internal server error\n']);
    expect((await warning).message).toBe('a secret');
  });
});

it('loads neither prom-client nor OpenTelemetry, nor the addon', () => {
  const script = `
    require('onlite/metrics').metricsText();
    const bad = Object.keys(require.cache).filter((file) =>
      /node_modules.(prom-client|@opentelemetry)|\\.node$/.test(file));
    process.stdout.write(JSON.stringify(bad));`;
  const out = execFileSync(process.execPath, ['-e', script], { cwd: path.join(root, 'test') });
  expect(String(out)).toBe('[]');
});
