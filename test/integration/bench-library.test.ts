import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { InferenceSession, LatencyHistogram, Tensor } from 'onlite';
import {
  addRuns,
  closedLoop,
  compareMedians,
  interleave,
  latencyOf,
  openLoop,
  sampleAsync,
  tinybenchOptions,
  warmUp,
} from 'onlite/bench';
import { Bench } from 'tinybench';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model } from './bench-support';

const root = path.join(import.meta.dirname, '..', '..');
const feeds = {
  a: new Tensor('float32', [1, 2, 3, 4]),
  b: new Tensor('float32', [10, 20, 30, 40]),
};
let session: InferenceSession;
beforeAll(async () => {
  session = await InferenceSession.create(model('add4.onnx'));
});
afterAll(() => session.release());

describe('onlite/bench', () => {
  it('loads neither the addon, nor a runtime, nor tinybench', () => {
    const script = `
      require('onlite/bench');
      const loaded = Object.keys(require.cache).filter((file) => /node_modules.tinybench|\\.node$/.test(file));
      const shared = process.report.getReport().sharedObjects.filter((file) => /onlite\\.node|onnxruntime|tensorflow/.test(file));
      console.log(JSON.stringify([...loaded, ...shared]));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
      cwd: root,
      encoding: 'utf8',
    });
    expect([stderr, stdout.trim()]).toEqual(['', '[]']);
  });

  it('compares two ways of running a session', async () => {
    const binding = session.bind({ inputs: feeds });
    const [bound, fed] = [() => binding.run(), () => session.run(feeds)];
    for (const run of [bound, fed]) await warmUp(run, { ms: 10 });
    const { ratio, slices } = await interleave({
      subject: () => sampleAsync(bound, { ms: 5 }),
      baseline: () => sampleAsync(fed, { ms: 5 }),
      repetitions: 6,
    });
    expect(ratio.median).toBeGreaterThan(0);
    const medians = [slices.subject, slices.baseline].map((side) => side.map(({ p50 }) => p50));
    const { ratio: other, interval } = compareMedians(medians[0]!, medians[1]!);
    expect(other).toBeGreaterThanOrEqual(interval[0]);
    expect(other).toBeLessThanOrEqual(interval[1]);
    binding.dispose();
  });

  it('loads a session in closed and open loops', async () => {
    const run = (): Promise<unknown> => session.run(feeds);
    const closed = await closedLoop([run, run, run], { runs: 100, latencies: true });
    expect([closed.runs, closed.latency?.count]).toEqual([100, 100]);
    const open = await openLoop(run, { perSecond: 5000, requests: 100 });
    expect([open.completed, open.failed, open.latency.count]).toEqual([100, 0, 100]);
  });
});

describe('with tinybench', () => {
  it('has percentiles of sessions and functions', async () => {
    const bench = new Bench({ ...tinybenchOptions, warmupTime: 5, time: 20, iterations: 50 });
    let calls = 0;
    addRuns(bench, {
      asynchronous: { session, feeds },
      synchronous: { session, feeds, sync: true },
      function: () => calls++,
    });
    await bench.run();
    expect(bench.tasks.map(({ name }) => name)).toEqual([
      'asynchronous',
      'synchronous',
      'function',
    ]);
    expect(calls).toBeGreaterThan(0);
    for (const task of bench.tasks) {
      const histogram = latencyOf(task);
      expect(histogram).toBeInstanceOf(LatencyHistogram);
      const { result } = task;
      if (!('latency' in result)) throw new Error(`${task.name}: ${result.state}`);
      expect(histogram.count).toBe(result.latency.samplesCount);
      // Steps of 0.1 %, and whole nanoseconds; tinybench interpolates between two samples.
      expect(histogram.percentile(100)).toBeCloseTo(result.latency.max * 1e6, -3);
    }
  });

  it('says what is missing', async () => {
    const bench = addRuns(new Bench({ warmup: false, iterations: 2, time: 1 }), { f: () => 1 });
    const [task] = bench.tasks;
    const expected = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' });
    expect(() => latencyOf(task!)).toThrow(expected);
    await bench.run();
    expect(() => latencyOf(task!)).toThrow(expected);
  });
});
