// What is logged of requests, whose traces they are part of, and what is written of who has changed what.
import { context, trace, SpanKind } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AuditFile, createApiKey, type AuditEntry, type ServerLog } from '@onlite/server';
import { traceWith } from 'onlite/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { V2, callGrpc, infer, input, newClient, raw } from './grpc-support';
import { call, fixture, json, listening, post, root, serve } from './support';
import { temporaryFolder } from './versions-support';

const predict = '/v1/models/rows:predict';
const rows = post({ instances: [[1, 2, 3]] });
const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentId}-01`;

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that keeps what it is told. */
function keeper(): { log: ServerLog; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { log: { ...log, isLevelEnabled: () => true }, lines };
}

describe('the access log', () => {
  it('has a line of each request, without what is secret in it', async () => {
    const { log, lines } = keeper();
    const key = createApiKey('somebody', ['infer']);
    const { server, port } = await serve(
      { rows: 'identity_float32.onnx' },
      { log, accessLog: 1, access: { keys: [key.key] } },
    );
    const headers = {
      authorization: `Bearer ${key.text}`,
      'x-request-id': 'mine-1',
      traceparent,
    };
    const reply = await call(port, predict, { ...rows, headers });
    expect(reply.status).toBe(200);
    expect(reply.headers['x-request-id']).toBe('mine-1');
    const given = String(reply.headers['traceresponse']);
    expect(given).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    expect(given).not.toContain(parentId);
    // Neither of them is one.
    const wrong = { 'x-request-id': 'a"b', traceparent: traceparent.replace('b7', 'xx') };
    const other = await call(port, '/v2/models/rows?token=s3cret', { headers: wrong });
    expect(other.status).toBe(401);
    expect(other.headers['traceresponse']).toBeUndefined();
    expect(other.headers['x-request-id']).not.toBe('a"b');
    const client = newClient((await server.listenGrpc(0)).port);
    const asked = infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]);
    await callGrpc(client, `${V2}ModelInfer`, asked, 60_000, { ...headers });
    client.close();
    await server.close();
    expect(lines).toHaveLength(3);
    const [first, second, third] = lines.map(({ fields }) => fields);
    expect(first).toMatchObject({
      ...{ requestId: 'mine-1', traceId, spanId: given.split('-')[2] },
      ...{ transport: 'http', protocol: 'tfserving', method: 'POST', path: predict },
      ...{ status: 200, outcome: 'success', model: 'rows', version: '1', who: 'somebody' },
      remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      durationMs: expect.any(Number) as number,
      runMs: expect.any(Number) as number,
    });
    expect(second).toMatchObject({
      ...{ status: 401, outcome: 'unauthenticated', path: '/v2/models/rows' },
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(second).not.toHaveProperty('traceId');
    expect(third).toMatchObject({
      ...{ requestId: 'mine-1', traceId, transport: 'grpc', protocol: 'grpc-oip', status: 200 },
      ...{ path: `${V2}ModelInfer`, who: 'somebody' },
      remote: expect.stringMatching(/^(127\.0\.0\.1|\[::ffff:127\.0\.0\.1\]):\d+$/) as string,
    });
    const all = JSON.stringify(lines);
    expect(all).not.toContain(key.text);
    expect(all).not.toContain('s3cret');
  });

  it('has the share of them that was asked for', async () => {
    const { log, lines } = keeper();
    const { server, port } = await serve({ a: 'add4.onnx' }, { log, accessLog: 0.5 });
    for (let turn = 0; turn < 200; turn++) await call(port, '/v2/health/live');
    await server.close();
    // Outside of these one time in 10^9.
    expect(lines.length).toBeGreaterThan(56);
    expect(lines.length).toBeLessThan(144);
  });

  it.runIf(process.platform === 'linux')('has those of all threads', async () => {
    const { log, lines } = keeper();
    const { server, port } = await serve({ a: 'add4.onnx' }, { log, accessLog: 1, workers: 3 });
    const count = 30;
    await Promise.all(Array.from({ length: count }, () => call(port, '/v2/health/live')));
    await expect.poll(() => lines.length).toBe(count);
    await server.close();
  });
});

describe('spans', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  let stop: () => void;
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(provider);
    stop = traceWith();
  });
  afterAll(async () => {
    stop();
    trace.disable();
    context.disable();
    await provider.shutdown();
  });

  it('are children of the callers, and have the runs as children', async () => {
    const { server, port } = await serve({ rows: 'identity_float32.onnx' });
    const { log } = keeper();
    expect(log.isLevelEnabled('info')).toBe(true);
    await call(port, predict, { ...rows, headers: { traceparent } });
    await call(port, predict, post('{'));
    const client = newClient((await server.listenGrpc(0)).port);
    const asked = infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]);
    await callGrpc(client, `${V2}ModelInfer`, asked, 60_000, { traceparent });
    client.close();
    await server.close();
    const spans = exporter.getFinishedSpans();
    const [first, malformed, grpc] = spans.filter(({ kind }) => kind === SpanKind.SERVER);
    expect(first).toMatchObject({
      name: 'POST /v1/models/{model}:predict',
      parentSpanContext: { traceId, spanId: parentId, isRemote: true },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/models/{model}:predict',
        'http.response.status_code': 200,
        'onlite.model': 'rows',
        'onlite.protocol': 'tfserving',
      },
    });
    const runs = spans.filter(({ name }) => name === 'onlite.run');
    expect(runs.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      first?.spanContext().spanId,
      grpc?.spanContext().spanId,
    ]);
    expect(malformed?.parentSpanContext).toBeUndefined();
    expect(malformed?.attributes).toMatchObject({
      'error.type': 'malformed',
      'http.response.status_code': 400,
    });
    expect(grpc).toMatchObject({
      parentSpanContext: { traceId },
      attributes: { 'rpc.system': 'grpc', 'rpc.method': 'ModelInfer' },
    });
  });
});

it.runIf(process.platform === 'linux')(
  'has spans of the command, in all its threads, where a program that is loaded before registers a provider',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'onlite-spans-'));
    const file = join(folder, 'spans');
    const preload = join(folder, 'preload.cjs');
    const from = JSON.stringify(join(root, 'package.json'));
    writeFileSync(
      preload,
      `const load = require('node:module').createRequire(${from});
const { trace } = load('@opentelemetry/api');
const { BasicTracerProvider, SimpleSpanProcessor } = load('@opentelemetry/sdk-trace-base');
const exporter = {
  export: (spans, done) => {
    const lines = spans.map(({ name }) => require('node:worker_threads').threadId + ' ' + name + '\\n');
    require('node:fs').appendFileSync(${JSON.stringify(file)}, lines.join(''));
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
`,
    );
    const child = spawn(
      process.execPath,
      [
        join(root, 'server/dist/cli/main.js'),
        fixture('add4.onnx'),
        ...['--json', '--rest-port', '0', '--no-grpc', '--workers', '2'],
      ],
      { env: { ...process.env, NODE_OPTIONS: `--require ${preload}` } },
    );
    try {
      const { port } = await listening(child);
      // The kernel spreads connections over the threads.
      await Promise.all(Array.from({ length: 40 }, () => call(port, '/v2/models/add4')));
      const spans = readFileSync(file, 'utf8').trim().split('\n');
      expect(spans).toHaveLength(40);
      expect(new Set(spans.map((span) => span.split(' ')[0])).size).toBe(2);
      expect(spans.every((span) => span.endsWith(' GET /v2/models/{model}'))).toBe(true);
    } finally {
      child.kill();
      rmSync(folder, { recursive: true });
    }
  },
);

describe('the audit log', () => {
  const folder = temporaryFolder();
  const all = createApiKey('all', ['manage']);
  const one = createApiKey('one', ['manage:rows', 'infer']);
  const bearer = ({ text }: { text: string }) => ({ authorization: `Bearer ${text}` });

  it('has who changes what, and who may not', async () => {
    const entries: AuditEntry[] = [];
    const files = { rows: 'identity_float32.onnx', others: 'identity_float32.onnx' };
    const { server, port } = await serve(files, {
      control: true,
      audit: (entry) => void entries.push(entry),
      access: { keys: [all.key, one.key] },
      ...(process.platform === 'linux' && { workers: 2 }),
    });
    const managed = (await server.listenManagement(0)).port;
    const client = newClient((await server.listenGrpc(0)).port);
    const change = (path: string, body: unknown, headers: Record<string, string>) =>
      call(
        managed,
        `/manage/${path}`,
        post(body, { 'content-type': 'application/json', ...headers }),
      );
    try {
      const pin = { version: 1 };
      await change('models/rows/pin', pin, { ...bearer(one), 'x-request-id': 'r1' });
      await change('models/others/pin', pin, bearer(one));
      await change('models/rows/pin', { version: 'secret' }, bearer(all));
      await change('models/rows/pin', { version: 7 }, bearer(all));
      await change('models/rows/pin', pin, { authorization: 'Bearer onl_wrong' });
      await change('reload', {}, { ...bearer(all), 'x-forwarded-for': '10.0.0.1' });
      await call(managed, '/manage/models', { headers: bearer(all) });
      await call(managed, '/manage/models', {});
      await call(port, '/v2/repository/models/others/unload', post('', bearer(all)));
      await call(port, '/v2/repository/models/others/load', post('', bearer(one)));
      await callGrpc(client, `${V2}RepositoryModelLoad`, [[2, 'others']], 60_000, bearer(all));
      await callGrpc(client, `${V2}RepositoryModelUnload`, [[2, 'others']], 60_000, {});
    } finally {
      client.close();
    }
    // Those of other threads come in their turn.
    await expect.poll(() => entries.length).toBe(11);
    await server.close();
    const brief = entries.map(({ who, operation, model, outcome, status, via }) =>
      [who?.id ?? null, operation, model, outcome, status, via].join(' '),
    );
    expect(brief.sort()).toEqual(
      [
        'one pin rows success 200 management',
        'one pin others forbidden 403 management',
        'all pin rows malformed 400 management',
        'all pin rows not_found 404 management',
        ' pin rows unauthenticated 401 management',
        'all reload  success 200 management',
        ' read  unauthenticated 401 management',
        'all unload others success 200 http',
        'one load others forbidden 403 http',
        'all RepositoryModelLoad others success 200 grpc',
        ' RepositoryModelUnload  unauthenticated 401 grpc',
      ].sort(),
    );
    const first = entries.find(({ requestId }) => requestId === 'r1');
    expect(first).toMatchObject({
      who: { id: 'one', by: 'key' },
      parameters: { version: 1 },
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      from: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
    });
    const text = JSON.stringify(entries);
    for (const secret of [all.text, one.text, 'onl_wrong', '"secret"']) {
      expect(text).not.toContain(secret);
    }
    expect(entries.find(({ operation }) => operation === 'reload')?.forwardedFor).toBe('10.0.0.1');
  });

  it('goes on in another file where the first was moved away, and loses nothing', () => {
    const file = join(folder, 'audit.log');
    const audit = new AuditFile(file);
    const entry = (status: number): AuditEntry => ({
      ...{ time: '', who: null, operation: 'pin', model: 'a', outcome: 'success', status },
      ...{ from: null, via: 'management' },
    });
    const statuses = (name: string) =>
      readFileSync(name, 'utf8')
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as AuditEntry).status);
    audit.write(entry(1));
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    renameSync(file, `${file}.1`);
    audit.write(entry(2));
    renameSync(file, `${file}.2`);
    audit.reopen();
    expect(existsSync(file)).toBe(true);
    audit.write(entry(3));
    expect([`${file}.1`, `${file}.2`, file].map(statuses)).toEqual([[1], [2], [3]]);
  });

  it.runIf(process.platform !== 'win32')(
    'is a file that the command writes, beside a log of JSON, and begins anew on SIGHUP',
    async () => {
      const file = join(folder, 'command.log');
      const child = spawn(process.execPath, [
        join(root, 'server/dist/cli/main.js'),
        `rows=${fixture('identity_float32.onnx')}`,
        ...['--json', '--rest-port', '0', '--no-grpc', '--management-port', '0'],
        ...['--audit-log', file, '--access-log', '1', '--log-level', 'info'],
      ]);
      let errors = '';
      child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
      const { port, managementPort } = await listening(child);
      try {
        const change = (operation: string, body: unknown) =>
          call(
            managementPort,
            `/manage/models/rows/${operation}`,
            post(body, { 'content-type': 'application/json' }),
          );
        expect((await change('pin', { version: 1 })).status).toBe(200);
        renameSync(file, `${file}.1`);
        child.kill('SIGHUP');
        await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
        expect((await change('unpin', {})).status).toBe(200);
        const operations = (name: string) =>
          readFileSync(name, 'utf8')
            .trim()
            .split('\n')
            .map((each) => (JSON.parse(each) as AuditEntry).operation);
        expect([operations(`${file}.1`), operations(file)]).toEqual([['pin'], ['unpin']]);
        expect(json(await call(port, '/v2/health/live'))).toEqual({ live: true });
        const lines = errors
          .trim()
          .split('\n')
          .map((each) => JSON.parse(each) as Record<string, unknown>);
        expect(lines.at(-1)).toMatchObject({
          ...{ level: 'info', msg: 'request', path: '/v2/health/live', status: 200 },
          time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        });
      } finally {
        child.kill();
      }
    },
  );
});

it.runIf(process.platform === 'linux')(
  'tells of a model whose process ends, and is there again, and not as an internal error',
  async () => {
    const child = spawn(process.execPath, [
      join(root, 'server/dist/cli/main.js'),
      `rows=${fixture('identity_float32.onnx')}`,
      ...['--json', '--rest-port', '0', '--no-grpc', '--isolation', 'process'],
    ]);
    let errors = '';
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    try {
      await listening(child);
      const of = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
      for (const pid of of.split(' ')) process.kill(Number(pid), 'SIGKILL');
      await expect.poll(() => errors, { timeout: 20_000 }).toContain('ready again');
      const lines = errors.trim().split('\n');
      const read = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(read.filter(({ model }) => model === 'rows')).toMatchObject([
        { level: 'error', msg: 'rows version 1: its process has ended (SIGKILL)' },
        { level: 'info', msg: 'rows version 1: ready again' },
      ]);
      expect(errors).not.toContain('internal error');
    } finally {
      child.kill();
    }
  },
);
