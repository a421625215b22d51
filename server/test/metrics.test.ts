// What /metrics says of requests: by outcome, by phase, for all threads, by others' names, and to whom.
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';

import { createApiKey } from '@onlite/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findCommand } from '../../test/integration/metrics-support';
import { V2, callGrpc, infer, input, newClient, raw } from './grpc-support';
import { encode } from './protobuf';
import { call, json, post, serve, type Running } from './support';

const request = post({ instances: [[1, 2, 3]] });
const predict = '/v1/models/rows:predict';

type Labels = Readonly<Record<string, string>>;

/** The sum of a metric's samples that have some labels; undefined where there are none. */
function sumOf(text: string, name: string, labels: Labels = {}): number | undefined {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .filter((line) => Object.entries(labels).every(([key, of]) => line.includes(`${key}="${of}"`)))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

const textOf = async (port: number, path = '/metrics', headers = {}): Promise<string> => {
  const reply = await call(port, path, { headers });
  expect(reply.status).toBe(200);
  return reply.text;
};

describe('metrics', () => {
  let running: Running;
  beforeAll(async () => {
    running = await serve(
      { rows: 'identity_float32.onnx' },
      process.platform === 'linux' ? { workers: 2 } : {},
    );
  });
  afterAll(() => running.server.close());
  const metrics = () => textOf(running.port);

  it('count requests by protocol and outcome, malformed ones before they come to a model too', async () => {
    const { port, server } = running;
    const times = 8;
    const grpc = newClient((await server.listenGrpc(0)).port);
    const asked = encode(infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]));
    for (let turn = 0; turn < times; turn++) {
      expect((await call(port, predict, request)).status).toBe(200);
      expect((await call(port, predict, post('{"instances":'))).status).toBe(400);
      expect((await call(port, `/v2/models/none${turn}/infer`, post({}))).status).toBe(404);
      expect((await call(port, '/v2/models/rows/infer', { method: 'GET' })).status).toBe(405);
      expect((await call(port, `/unknown/${turn}`)).status).toBe(404);
      expect((await callGrpc(grpc, `${V2}ModelInfer`, asked)).code).toBe(0);
      expect((await callGrpc(grpc, `${V2}ModelInfer`, Buffer.from([0xff]))).code).toBe(13);
      expect((await callGrpc(grpc, `${V2}None`, Buffer.alloc(0))).code).toBe(12);
    }
    grpc.close();
    // What is no HTTP at all.
    await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      socket.on('close', resolve).resume();
    });
    const text = await metrics();
    const answers = (protocol: string, outcome: string) =>
      sumOf(text, 'onlite_server_answers_total', { protocol, outcome });
    expect({
      success: answers('tfserving', 'success'),
      malformed: answers('tfserving', 'malformed'),
      unknown: answers('oip', 'not_found'),
      method: answers('oip', 'method_not_allowed'),
      path: answers('http', 'not_found'),
      nonsense: answers('http', 'malformed'),
      grpc: answers('grpc-oip', 'success'),
      message: answers('grpc-oip', 'malformed'),
      rpc: answers('grpc-oip', 'not_found'),
    }).toEqual({
      ...{ success: times, malformed: times, unknown: times, method: times, path: times },
      ...{ nonsense: 1, grpc: times, message: times, rpc: times },
    });
    const of = (outcome: string) =>
      sumOf(text, 'onlite_server_model_requests_total', { model: 'rows', version: '1', outcome });
    // The body cannot be read, but its path names the model.
    expect([of('success'), of('malformed'), of('internal')]).toEqual([2 * times, times, 0]);
    // Names that nobody knows are no labels.
    expect(text).not.toMatch(/none\d|unknown/);
    expect(sumOf(text, 'onlite_server_requests_in_flight', { transport: 'http' })).toBe(1);
    expect(sumOf(text, 'onlite_server_requests_in_flight', { transport: 'grpc' })).toBe(0);
  });

  it('have the time of each phase, which together are the whole', async () => {
    const text = await metrics();
    for (const protocol of ['tfserving', 'grpc-oip']) {
      const sum = (phase: string) =>
        sumOf(text, 'onlite_server_request_duration_seconds_sum', { protocol, phase }) ?? NaN;
      const count = (phase: string) =>
        sumOf(text, 'onlite_server_request_duration_seconds_count', { protocol, phase });
      const phases = ['read', 'parse', 'queue', 'run', 'print'];
      for (const phase of [...phases, 'total']) {
        expect(count(phase)).toBe(8);
        // What need not wait has waited for none.
        if (phase !== 'queue') expect(sum(phase)).toBeGreaterThan(0);
        const infinite = { protocol, phase, le: '+Inf' };
        expect(sumOf(text, 'onlite_server_request_duration_seconds_bucket', infinite)).toBe(8);
      }
      const parts = phases.reduce((all, phase) => all + sum(phase), 0);
      expect(parts).toBeCloseTo(sum('total'), 9);
      expect(parts).toBeLessThan(8 * 60);
    }
    // Buckets are cumulative.
    const buckets = [...text.matchAll(/request_duration\S*tfserving\S*total",le="\S+ (\d+)/g)];
    const counts = buckets.map(([, count]) => Number(count));
    expect(counts).toHaveLength(23);
    expect([...counts].sort((a, b) => a - b)).toEqual(counts);
    expect(sumOf(text, 'onlite_server_run_duration_seconds_count', { phase: 'invoke' })).toBe(16);
  });

  it("are at TensorFlow Serving's path, too, and in OpenMetrics' form for who prefers it", async () => {
    const names = (text: string) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const plain = await metrics();
    const other = await textOf(running.port, '/monitoring/prometheus/metrics');
    expect(names(other)).toEqual(names(plain));
    const accept = 'application/openmetrics-text;version=1.0.0';
    const open = await textOf(running.port, '/metrics', { accept });
    expect(open).toMatch(/\n# EOF\n$/);
    expect(open).toContain('# TYPE onlite_server_answers counter');
    const head = await call(running.port, '/metrics', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    const posted = await call(running.port, '/monitoring/prometheus/metrics', post(''));
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  const promtool = findCommand('promtool');
  // In CI it is installed, so that its absence is a failure there.
  it.skipIf(promtool === undefined && process.env['CI'] === undefined)(
    'are what promtool has nothing to say about',
    async () => {
      const env = { ...process.env, LD_PRELOAD: undefined };
      const input = await metrics();
      expect(input).toContain('onlite_server_request_duration_seconds_bucket');
      const said = execFileSync(promtool ?? '', ['check', 'metrics'], { input, env });
      expect(said.toString()).toBe('');
    },
  );
});

it('of a key for one model are of that one alone, as are the lists of models', async () => {
  const one = createApiKey('one', ['infer:rows', 'monitor:rows']);
  const all = createApiKey('all', ['infer', 'monitor']);
  const { server, port } = await serve(
    { rows: 'identity_float32.onnx', added: 'add4.onnx' },
    { access: { keys: [one.key, all.key] } },
  );
  try {
    const client = newClient((await server.listenGrpc(0)).port);
    const seen = async (text: string) => {
      const headers = { authorization: `Bearer ${text}` };
      const replies = await Promise.all([
        call(port, '/metrics', { headers }),
        call(port, '/v2/models/stats', { headers }),
        call(port, '/v2/models', { headers }),
        call(port, '/v1/models', { headers }),
        call(port, '/', { headers }),
        call(port, '/v2/repository/index', post('', headers)),
      ]);
      expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
      const calls = await Promise.all(
        ['ModelStatistics', 'RepositoryIndex'].map((name) =>
          callGrpc(client, `${V2}${name}`, Buffer.alloc(0), 60_000, headers),
        ),
      );
      expect(calls.map(({ code }) => code)).toEqual([0, 0]);
      return [
        ...replies.map((reply) => reply.text),
        ...calls.map(({ bytes }) => bytes.toString('latin1')),
      ].map((each) => ['rows', 'added'].filter((name) => each.includes(name)));
    };
    expect(await seen(all.text)).toEqual(Array(8).fill(['rows', 'added']));
    expect(await seen(one.text)).toEqual(Array(8).fill(['rows']));
    client.close();
  } finally {
    await server.close();
  }
});

it("have Triton's names where those are asked for", async () => {
  const { server, port } = await serve(
    { rows: 'identity_float32.onnx' },
    { metricsNames: 'triton', accessLog: 0 },
  );
  try {
    for (let turn = 0; turn < 3; turn++) {
      await call(
        port,
        predict,
        post({
          instances: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        }),
      );
    }
    await call(port, predict, post('{'));
    const text = await textOf(port);
    const labels = { model: 'rows', version: '1' };
    const value = (name: string, more: Labels = {}) =>
      sumOf(text, `nv_inference_${name}`, { ...labels, ...more });
    expect({
      success: value('request_success'),
      failure: value('request_failure', { reason: 'OTHER' }),
      count: value('count'),
      executions: value('exec_count'),
    }).toEqual({ success: 3, failure: 1, count: 6, executions: 3 });
    const stats = json(await call(port, '/v2/models/rows/stats')) as {
      model_stats: { inference_stats: Record<string, { ns: number }> }[];
    };
    const own = stats.model_stats[0]?.inference_stats;
    const durations = ['request', 'queue', 'compute_input', 'compute_infer', 'compute_output'];
    for (const name of durations) {
      const ns = own?.[name === 'request' ? 'success' : name]?.ns ?? NaN;
      expect([name, value(`${name}_duration_us`)]).toEqual([name, Math.round(ns / 1000)]);
    }
    expect(text).not.toContain('onlite_');
  } finally {
    await server.close();
  }
});

it.each([
  [{ accessLog: 2 }, /options\.accessLog: expected 0 to 1, got 2/],
  [{ metricsNames: 'none' as never }, /options\.metricsNames: expected onlite, triton or both/],
])('%j is refused', async (options, message) => {
  await expect(serve({ a: 'add4.onnx' }, options)).rejects.toThrow(message);
});

it('count a request once whose body is malformed or too slow', async () => {
  const running = await serve(
    { rows: 'identity_float32.onnx' },
    { timeouts: { requestMs: 1000, headersMs: 1000 } },
  );
  const { port, server } = running;
  for (const rest of [
    'Content-Length: 100\r\n\r\n{"ins',
    'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write(`POST ${predict} HTTP/1.1\r\nHost: x\r\n${rest}`);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const text = await textOf(port);
  const answers = (labels: Labels) => sumOf(text, 'onlite_server_answers_total', labels);
  expect(answers({ protocol: 'tfserving', outcome: 'slow_client' })).toBe(1);
  expect(answers({ protocol: 'tfserving', outcome: 'malformed' })).toBe(1);
  expect(answers({})).toBe(2);
  await server.close();
});
