// Models in processes of their own, which crash; and runs that do not end.
import childProcess, { execFileSync, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import { status } from '@grpc/grpc-js';
import { createServer, type ModelServer, type ServerOptions } from '@onlite/server';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { HEALTH, V2, callGrpc, infer, input, newClient, raw } from './grpc-support';
import { decode, encode } from './protobuf';
import { call, fixture, json, listening, post, root, type Call, type Reply } from './support';
import { metric } from './versions-support';

const FOREVER = 0x7fff_ffff;

let server: ModelServer;
let port: number;
let problems: string[] = [];
const open: Socket[] = [];

async function start(
  models: Readonly<Record<string, { file: string; serving?: object; session?: object }>>,
  options: ServerOptions = {},
): Promise<void> {
  problems = [];
  server = createServer({
    ...options,
    onError: (error) => problems.push(error instanceof Error ? error.message : String(error)),
  });
  for (const [name, { file, serving = {}, session = {} }] of Object.entries(models)) {
    await server.load({ name, version: '1', file: fixture(file), serving, session });
  }
  ({ port } = await server.listen(0));
}
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await server.close();
});

const steps = (limit: number, parameters: object = {}): Call =>
  post({
    inputs: [
      { name: 'limit', datatype: 'INT32', shape: [], data: [limit] },
      { name: 'x', datatype: 'FP32', shape: [3], data: [1, 2, 3] },
    ],
    parameters,
  });
const ask = (request: Call, model = 'loop'): Promise<Reply> =>
  call(port, `/v2/models/${model}/infer`, request);
const ready = async (path: string): Promise<number> => (await call(port, path)).status;
const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};
const isolated = { isolation: 'process' };

describe('a model in a process of its own', () => {
  it.each([
    'identity_float32.onnx',
    'identity_int64.onnx',
    'identity_string.onnx',
    'identity_bool.tflite',
    'mlp.tflite',
    'counter_signatures.tflite',
  ])('is to its clients as in the server: %s', async (file) => {
    await start({ here: { file }, there: { file, serving: isolated } });
    const text = async (path: string, request?: Call): Promise<string> =>
      (await call(port, path, request)).text.replaceAll('"there"', '"here"');
    expect(await text('/v2/models/there')).toBe(await text('/v2/models/here'));
    expect(await text('/v2/models/there/config')).toBe(await text('/v2/models/here/config'));
    expect(await text('/v1/models/there/metadata')).toBe(await text('/v1/models/here/metadata'));
    const { inputs } = json(await call(port, '/v2/models/here')) as {
      inputs: { name: string; datatype: string; shape: number[] }[];
    };
    const filled = inputs.map(({ name, datatype, shape }) => {
      const dims = shape.map((dim) => (dim < 0 ? 2 : dim));
      const count = dims.reduce((product, dim) => product * dim, 1);
      const value = datatype === 'BYTES' ? 'é' : datatype === 'BOOL' ? true : 3;
      return { name, datatype, shape: dims, data: Array<unknown>(count).fill(value) };
    });
    const answers = [];
    for (const model of ['here', 'there']) {
      answers.push(await text(`/v2/models/${model}/infer`, post({ inputs: filled })));
      answers.push(await text(`/v2/models/${model}/infer`, post({ inputs: [] })));
    }
    expect(answers.slice(2)).toEqual(answers.slice(0, 2));
    expect(answers[0]).toContain('"outputs"');
    expect(server.models.find('there').pid).toBeGreaterThan(0);
    expect(server.models.find('there').pid).not.toBe(process.pid);
  });

  it('that cannot be loaded says why', async () => {
    await start({});
    const file = fixture('empty.onnx').replace('empty.onnx', 'no.onnx');
    await expect(
      server.load({ name: 'x', version: '1', file, serving: { isolation: 'process' } }),
    ).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
  });

  it.each(['SIGSEGV', 'SIGKILL'] as const)(
    'that is ended by %s fails what it was doing with 503, and nothing else',
    async (signal) => {
      const file = 'control_while.tflite';
      await start({ loop: { file, serving: isolated }, other: { file } });
      const { port: grpcPort } = await server.listenGrpc(0);
      const client = newClient(grpcPort);
      expect((await ask(steps(2))).status).toBe(200);
      const model = server.models.find('loop');
      const { pid = 0 } = model;
      const grpc = callGrpc(
        client,
        `${V2}ModelInfer`,
        encode(
          infer(
            'loop',
            [input('limit', 'INT32', []), input('x', 'FP32', [3])],
            [[7, Buffer.from(Int32Array.of(FOREVER).buffer)], raw(1, 2, 3)],
          ),
        ),
      );
      const runs = [ask(steps(FOREVER))];
      await until(() => model.queue.underWay + model.statistics.waiting === 2);
      process.kill(pid, signal);
      for (const reply of await Promise.all(runs)) {
        expect(reply.status).toBe(503);
        expect(reply.text).toContain(signal);
      }
      expect((await grpc).code).toBe(status.UNAVAILABLE);
      // Others do not notice.
      expect((await ask(steps(2), 'other')).status).toBe(200);
      await until(() => model.problem === undefined);
      expect(model.pid).not.toBe(pid);
      expect((await ask(steps(2))).status).toBe(200);
      expect(await ready('/v2/health/ready')).toBe(200);
      expect(problems.map((text) => text.replace(/ \(.*/, ''))).toEqual([
        'loop version 1: its process has ended',
        'loop version 1: ready again',
      ]);
      client.close();
    },
  );

  it('is not ready while there is no process', async () => {
    await start({ loop: { file: 'control_while.tflite', serving: isolated } });
    const { port: grpcPort } = await server.listenGrpc(0);
    const client = newClient(grpcPort);
    const model = server.models.find('loop');
    // Each time it takes longer to come back.
    for (let turn = 0; turn < 4; turn++) {
      await until(() => model.problem === undefined);
      process.kill(model.pid ?? 0, 'SIGKILL');
      await until(() => model.problem !== undefined);
    }
    expect(await ready('/v2/health/ready')).toBe(503);
    expect(await ready('/v2/models/loop/ready')).toBe(503);
    expect(await ready('/v2/health/live')).toBe(200);
    const refused = await ask(steps(2));
    expect(refused.status).toBe(503);
    expect(refused.text).toContain('it is being started again');
    const health = await callGrpc(client, `${HEALTH}Check`, []);
    // NOT_SERVING.
    expect(decode(health.bytes)).toEqual(decode(encode([[1, 2]])));
    client.close();
    await until(() => model.problem === undefined);
    expect((await ask(steps(2))).status).toBe(200);
  });

  it('is loaded at low priority beside another version, and not when it is started again', async () => {
    const priorities: unknown[] = [];
    const { fork } = childProcess;
    vi.spyOn(childProcess, 'fork').mockImplementation((...how: Parameters<typeof fork>) => {
      const child = fork(...how);
      const send = child.send.bind(child) as (...what: unknown[]) => boolean;
      child.send = (order: Order, ...more: unknown[]) => {
        if (order.kind === 'load') priorities.push(order.model.options.loadPriority);
        return send(order, ...more);
      };
      return child;
    });
    try {
      await start({ loop: { file: 'control_while.tflite', serving: isolated } });
      const file = fixture('control_while.tflite');
      const serving = { isolation: 'process' } as const;
      await server.load({ name: 'loop', version: '2', file, serving });
      const second = server.models.find('loop', '2');
      process.kill(second.pid ?? 0, 'SIGKILL');
      await until(() => second.problem !== undefined);
      await until(() => second.problem === undefined);
      expect(priorities).toEqual([undefined, 'low', undefined]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('is started again where the system could not start a process once', async () => {
    await start({ loop: { file: 'control_while.tflite', serving: isolated } });
    const model = server.models.find('loop');
    const { execPath } = process;
    try {
      process.execPath = '/dev/null/node';
      process.kill(model.pid ?? 0, 'SIGKILL');
      await until(() => model.problem?.includes('spawn') === true);
      const file = fixture('control_while.tflite');
      const other = {
        name: 'other',
        version: '1',
        file,
        serving: { isolation: 'process' } as const,
      };
      await expect(server.load(other)).rejects.toThrow('spawn');
    } finally {
      process.execPath = execPath;
    }
    await until(() => model.problem === undefined);
    expect((await ask(steps(2))).status).toBe(200);
  });

  it.runIf(process.platform === 'linux')(
    'that hangs is waited for until the deadline, and is sent no more than it may have',
    async () => {
      await start({ rows: { file: 'identity_float32.onnx', serving: isolated } });
      const { pid = 0, statistics } = server.models.find('rows');
      const rows = 1 << 20;
      const x = { name: 'x', datatype: 'FP32', shape: [rows, 3] };
      const inputs = [{ ...x, parameters: { binary_data_size: rows * 12 } }];
      const head = JSON.stringify({ inputs, outputs: [{ name: 'y' }] });
      const large = (headers: object): Call => ({
        body: Buffer.concat([Buffer.from(head), Buffer.alloc(rows * 12)]),
        headers: { 'Inference-Header-Content-Length': String(head.length), ...headers },
      });
      process.kill(pid, 'SIGSTOP');
      let missed = 0;
      const replies: Reply[] = [];
      while (replies.filter(({ status: code }) => code === 503).length < 4) {
        const reply = await ask(large({ 'X-Request-Timeout-Ms': '500' }), 'rows');
        // On a busy machine it may take longer to come than that, and is not sent to the process then.
        const { expired } = statistics.notRun;
        if (reply.status === 504 && expired > missed) missed = expired;
        else replies.push(reply);
      }
      expect(replies.map((reply) => reply.status)).toEqual([
        ...Array<number>(6).fill(504),
        ...Array<number>(4).fill(503),
      ]);
      expect(replies.at(-1)?.text).toContain('has not answered what was given up');
      process.kill(pid, 'SIGCONT');
      const request = post({ inputs: [{ ...x, shape: [1, 3], data: [1, 2, 3] }] });
      await until(async () => (await ask(request, 'rows')).status === 200);
    },
  );

  it.runIf(process.platform === 'linux')('comes back after no process could be made', async () => {
    const model = `loop=${fixture('control_while.tflite')}`;
    const options = ['--isolation', 'process', '--json', '--rest-port', '0', '--no-grpc'];
    const child = spawn(process.execPath, [
      join(root, 'server/dist/cli/main.js'),
      model,
      ...options,
    ]);
    ({ port } = await listening(child));
    server = createServer();
    const of = `/proc/${child.pid}`;
    const limit = (files: number): void =>
      void execFileSync('prlimit', ['--pid', String(child.pid), `--nofile=${files}:4096`]);
    const isolatedPid = Number(
      readFileSync(`${of}/task/${child.pid}/children`, 'utf8').trim().split(' ')[0],
    );
    limit(readdirSync(`${of}/fd`).length);
    process.kill(isolatedPid, 'SIGKILL');
    // A connection is reset where no descriptor is left for it.
    const becomes = (status: number): Promise<void> =>
      until(async () => (await ready('/v2/health/ready').catch(() => 0)) === status);
    await becomes(503);
    // Some attempts later. Had one succeeded, the answer would stay 200.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await becomes(503);
    limit(4096);
    await becomes(200);
    expect((await ask(steps(2))).status).toBe(200);
    child.kill();
  });

  it('ends with the server', async () => {
    await start({ loop: { file: 'control_while.tflite', serving: isolated } });
    const { pid = 0 } = server.models.find('loop');
    await server.close();
    await until(() => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  it.runIf(process.platform === 'linux')('is one for each thread of a server', async () => {
    const file = 'identity_float32.onnx';
    await start({ rows: { file, serving: isolated } }, { workers: 2 });
    const request = post({ instances: [[1, 2, 3]] });
    await until(async () => (await ready('/v2/health/ready')) === 200);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => call(port, '/v1/models/rows:predict', request)),
    );
    expect(replies.map((reply) => reply.status)).toEqual(Array(20).fill(200));
    // Nobody was told that anything was wrong, and so nobody that it is not.
    expect(problems).toEqual([]);
    // Whichever thread is asked, all have counted.
    const runs = { model: 'rows', version: '1', phase: 'invoke' };
    for (let turn = 0; turn < 20; turn++) {
      const name = 'onlite_server_run_duration_seconds_count';
      expect(await metric(port, name, runs)).toBe(20);
    }
  });
});

/** What a process of a model is told to do. */
interface Order {
  readonly kind: string;
  readonly model: { readonly options: { readonly loadPriority?: string } };
}

/** A request that nobody waits for to be answered. */
function begin(request: Call): void {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => undefined);
  const body = request.body as string;
  socket.write(
    `POST /v2/models/loop/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

describe('a run that does not end', () => {
  it('makes its model not ready for as long as it goes on', async () => {
    await start({ loop: { file: 'control_while.tflite', serving: { maxRunMs: 300 } } });
    expect((await ask(steps(2))).status).toBe(200);
    expect(await ready('/v2/health/ready')).toBe(200);
    begin(steps(FOREVER));
    await until(async () => (await ready('/v2/health/ready')) === 503);
    expect(await ready('/v2/models/loop/ready')).toBe(503);
    expect(problems).toEqual(['loop version 1: a run has not ended for more than 300 ms']);
    // It is given up with its client, and the next one ends.
    for (const socket of open.splice(0)) socket.destroy();
    expect((await ask(steps(2))).status).toBe(200);
    expect(await ready('/v2/health/ready')).toBe(200);
    expect(problems.at(-1)).toBe('loop version 1: ready again');
  });

  it('has the process started again that it is in', async () => {
    const serving = { ...isolated, maxRunMs: 500 };
    const lines: string[] = [];
    const at = (level: string) => (fields: object, message: string) =>
      lines.push(`${level} ${JSON.stringify(fields)} ${message}`);
    const log = {
      ...{ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
      isLevelEnabled: () => true,
    };
    await start({ loop: { file: 'control_while.tflite', serving } }, { log });
    expect((await ask(steps(2))).status).toBe(200);
    const model = server.models.find('loop');
    const { pid } = model;
    const reply = await ask(steps(FOREVER));
    expect(reply.status).toBe(503);
    expect(reply.text).toContain('a run has not ended for more than 500 ms');
    await until(() => model.problem === undefined);
    expect(model.pid).not.toBe(pid);
    expect((await ask(steps(2))).status).toBe(200);
    expect(await ready('/v2/health/ready')).toBe(200);
    const of = '{"model":"loop","version":"1"} loop version 1:';
    expect(lines).toEqual([
      `error ${of} a run has not ended for more than 500 ms`,
      `info ${of} ready again`,
    ]);
    expect(problems).toEqual([]);
  });
});
