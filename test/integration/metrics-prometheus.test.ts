// The real Prometheus: its checks of the text, and its scrapes and queries of the example service.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { InferenceSession, type LatencySnapshot } from 'onlite';
import { metricsText } from 'onlite/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addFeeds, findCommand } from './metrics-support';
import { fixture, root } from './support';

const prometheus = findCommand('prometheus');
const promtool = findCommand('promtool');
const missing = prometheus === undefined || promtool === undefined;
// In CI it is installed, so that its absence is a failure there.
const skipped = missing && process.env['CI'] === undefined;
const remedy = 'no Prometheus: install it (Debian: apt-get install prometheus)';
if (skipped) console.warn(`test/integration/metrics-prometheus.test.ts is skipped: ${remedy}`);

/** What is preloaded for node's sake (a sanitizer) is not for Go's programs. */
const env = { ...process.env, LD_PRELOAD: undefined };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function until<Value>(what: string, look: () => Promise<Value | undefined>): Promise<Value> {
  let last: unknown;
  for (let attempt = 0; attempt < 300; attempt++) {
    try {
      const value = await look();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`no ${what}`, { cause: last });
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

describe.skipIf(skipped)(skipped ? remedy : 'Prometheus', () => {
  beforeAll(() => {
    if (missing) throw new Error(remedy);
  });

  it('promtool has nothing to say about the metrics', async () => {
    const name = 'a "quoted"\\ name\nof two lines';
    const batching = { maxBatchSize: 2 };
    await using batched = await InferenceSession.create(fixture('mlp.onnx'), { batching });
    await using session = await InferenceSession.create(fixture('add4.onnx'), { name });
    const cancel = new AbortController();
    const run = session.run(addFeeds(), { signal: cancel.signal });
    cancel.abort();
    await run.catch(() => undefined);
    await batched.warmUp();
    const input = metricsText({ eventLoopDelay: true });
    expect(input).toContain('onlite_run_errors_total');
    const options = { input, env } as const;
    expect(String(execFileSync(promtool!, ['check', 'metrics'], options))).toBe('');
  });

  describe('with the example service', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'onlite-prometheus-'));
    let service: ChildProcess | undefined;
    let server: ChildProcess | undefined;
    let serviceUrl = '';
    let serverUrl = '';

    const query = async (expression: string): Promise<number | undefined> => {
      const url = `${serverUrl}/api/v1/query?query=${encodeURIComponent(expression)}`;
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { value: [number, string] }[] };
      };
      const value = data.result[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    };

    beforeAll(async () => {
      service = spawn(
        process.execPath,
        [path.join(root, 'examples/metrics-service/main.mjs'), '--port', '0'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const [line] = (await once(createInterface(service.stdout!), 'line')) as [string];
      serviceUrl = /http:\/\/[\d.:]+/.exec(line)![0];
      serverUrl = `http://127.0.0.1:${await freePort()}`;
      const config = path.join(folder, 'prometheus.yml');
      writeFileSync(
        config,
        `global: {scrape_interval: 200ms}
scrape_configs:
  - job_name: onlite
    static_configs: [{targets: ['${new URL(serviceUrl).host}']}]
`,
      );
      const example = path.join(root, 'examples/metrics-service/prometheus.yml');
      for (const file of [config, example]) {
        execFileSync(promtool!, ['check', 'config', file], { env });
      }
      server = spawn(
        prometheus!,
        [
          `--config.file=${config}`,
          `--storage.tsdb.path=${path.join(folder, 'data')}`,
          `--web.listen-address=${new URL(serverUrl).host}`,
          '--log.level=error',
        ],
        { stdio: ['ignore', 'inherit', 'inherit'], env },
      );
      await until('Prometheus', async () =>
        (await fetch(`${serverUrl}/-/ready`)).ok ? true : undefined,
      );
    });
    afterAll(async () => {
      await end(server);
      await end(service);
      rmSync(folder, { recursive: true, force: true });
    });

    it('scrapes it and answers', async () => {
      for (let run = 0; run < 200; run++) {
        const answer = await fetch(`${serviceUrl}/run`, { method: 'POST' });
        expect(answer.status).toBe(200);
      }
      const bad = await fetch(`${serviceUrl}/run`, { method: 'POST', body: 'bad' });
      expect([bad.status, await bad.text()]).toEqual([400, 'ERR_SHAPE_MISMATCH\n']);

      const runs = 'onlite_runs_total{job="onlite",model="hey_jarvis",engine="tflite"}';
      await until('200 runs', async () => ((await query(runs)) === 200 ? true : undefined));
      expect(await query('up{job="onlite"}')).toBe(1);
      expect(await query('onlite_runs_in_flight')).toBe(0);
      expect(await query('onlite_resident_memory_bytes')).toBeGreaterThan(1e7);
      expect(await query('count(onlite_event_loop_delay_seconds_bucket)')).toBeGreaterThan(10);
      const type = await fetch(`${serverUrl}/api/v1/metadata?metric=onlite_run_duration_seconds`);
      expect(await type.json()).toMatchObject({
        data: { onlite_run_duration_seconds: [{ type: 'histogram' }] },
      });

      // The service runs nothing any more, so that its own counts are what was scraped.
      const { total } = (await (await fetch(`${serviceUrl}/latency`)).json()) as {
        total: LatencySnapshot;
      };
      const text = await (await fetch(`${serviceUrl}/metrics`)).text();
      const edges = [...text.matchAll(/run_duration.*phase="total",le="([\d.]+)"/g)].map(
        ([, edge]) => Number(edge),
      );
      const bucketOf = (seconds: number): number => edges.filter((edge) => edge < seconds).length;
      expect(edges).toHaveLength(22);
      for (const [quantile, native] of [
        [0.5, total.p50],
        [0.9, total.p90],
        [0.99, total.p99],
      ] as const) {
        const theirs = await query(
          `histogram_quantile(${quantile}, onlite_run_duration_seconds_bucket{phase="total"})`,
        );
        const apart = bucketOf(theirs!) - bucketOf(native / 1e9);
        expect(Math.abs(apart), `${theirs} s, ${native} ns`).toBeLessThanOrEqual(1);
      }
      const mean = await query(
        'onlite_run_duration_seconds_sum{phase="total"} / onlite_run_duration_seconds_count',
      );
      expect(mean! / (total.mean / 1e9)).toBeCloseTo(1, 3);
    });
  });
});
