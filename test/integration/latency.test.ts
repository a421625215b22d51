import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { InferenceSession, LatencyHistogram, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { fixture } from './support';

const phases = ['queue', 'bind', 'invoke', 'fetch', 'total'] as const;

function feeds(): Record<string, Tensor> {
  return {
    a: new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]),
    b: new Tensor('float32', new Float32Array(4), [4]),
  };
}

async function runs(session: InferenceSession, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await session.run(feeds());
}

describe.each(['add4.onnx', 'add4.tflite'])('the latency of %s', (file) => {
  it('has every phase of asynchronous runs, two of synchronous ones', async () => {
    await using session = await InferenceSession.create(fixture(file));
    await runs(session, 10);
    for (let index = 0; index < 5; index++) session.runSync(feeds());
    const counts = phases.map((phase) => session.latency[phase].count);
    expect(counts).toEqual([10, 10, 15, 10, 15]);
    const snapshot = session.latency.snapshot();
    expect(snapshot.total).toEqual(session.latency.total.snapshot());
    expect(snapshot.counters).toEqual({
      runs: 15,
      errors: {},
      cancelled: 0,
      timedOut: 0,
      rejected: 0,
    });
    expect(session.latency.counters).toEqual(snapshot.counters);
    expect(snapshot.failures).toEqual({});
    expect(session.latency.failures).toEqual({});
    expect(snapshot.batchSizes).toEqual({});
  });

  it('can be read in every way', async () => {
    await using session = await InferenceSession.create(fixture(file));
    await runs(session, 20);
    const { total } = session.latency;
    const { p50, max } = total.snapshot();
    expect(total.percentile(50)).toBe(p50);
    expect(total.countAtOrBelow(max)).toBe(20);
    expect(total.countBetween(0, p50)).toBeGreaterThanOrEqual(10);
    expect([...total.buckets()].reduce((sum, { count }) => sum + count, 0)).toBe(20);
    const decoded = LatencyHistogram.decode(total.encode());
    expect([...decoded.buckets()]).toEqual([...total.buckets()]);
    expect(decodeFromCompressedBase64(total.encode()).totalCount).toBe(20);
    const copy = total.copy();
    copy.record(1);
    expect([copy.count, total.count]).toEqual([21, 20]);
    expect(total).not.toHaveProperty('record');
  });

  it('gives each run to one interval', async () => {
    await using session = await InferenceSession.create(fixture(file));
    const { latency } = session;
    expect(latency.interval().counters.runs).toBe(0);
    let sum = 0;
    const all = new LatencyHistogram();
    for (const count of [3, 1, 5]) {
      await runs(session, count);
      const interval = latency.interval();
      expect(interval.counters.runs).toBe(count);
      expect(phases.map((phase) => interval[phase].count)).toEqual(phases.map(() => count));
      all.add(interval.total);
      sum += count;
    }
    expect([...all.buckets()]).toEqual([...latency.total.buckets()]);
    expect(latency.total.count).toBe(sum);
    await runs(session, 2);
    expect(latency.invoke.interval().count).toBe(2);
    expect(latency.interval().invoke.count).toBe(0);
  });

  it('forgets on reset, of a phase or of all', async () => {
    await using session = await InferenceSession.create(fixture(file));
    await runs(session, 3);
    session.latency.queue.reset();
    expect(phases.map((phase) => session.latency[phase].count)).toEqual([0, 3, 3, 3, 3]);
    session.latency.reset();
    expect(session.latency.counters.runs).toBe(0);
    expect(session.latency.interval().total.count).toBe(0);
    await runs(session, 1);
    expect(session.latency.interval().total.count).toBe(1);
  });

  it('can be read after release', async () => {
    const session = await InferenceSession.create(fixture(file));
    await runs(session, 2);
    const { total } = session.latency;
    await session.release();
    expect(total.count).toBe(2);
    expect(session.latency.snapshot().invoke.count).toBe(2);
    expect(session.latency.interval().queue.count).toBe(2);
    session.latency.reset();
    expect(total.count).toBe(0);
  });

  it('has nothing to read with latency: false', async () => {
    await using session = await InferenceSession.create(fixture(file), { latency: false });
    await runs(session, 2);
    expect(session.latency.snapshot().counters.runs).toBe(0);
    expect(session.latency.total.encode()).toBe(new LatencyHistogram().encode());
  });
});

it('counts batches by their rows, since the last reset or interval', async () => {
  await using session = await InferenceSession.create(fixture('mlp.onnx'), {
    batching: { maxBatchSize: 4, maxDelayMs: 60_000 },
  });
  const x = new Tensor('float32', new Float32Array(16), [1, 16]);
  // A full batch starts at once.
  const four = () => Promise.all([1, 2, 3, 4].map(() => session.run({ x })));
  await four();
  await four();
  expect(session.latency.snapshot().batchSizes).toEqual({ 4: 2 });
  expect(session.latency.interval().batchSizes).toEqual({ 4: 2 });
  await four();
  expect(session.latency.interval().batchSizes).toEqual({ 4: 1 });
  expect(session.latency.snapshot().batchSizes).toEqual({ 4: 3 });
  session.latency.reset();
  expect(session.latency.snapshot().batchSizes).toEqual({});
});
