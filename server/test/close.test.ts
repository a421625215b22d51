import { spawn } from 'node:child_process';
import { Agent, request, type ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { call, fixture, listening, root, serve } from './support';

const main = join(root, 'server/dist/cli/main.js');
const models = { rows: 'identity_float32.onnx' };
const body = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
});
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A request of which half was sent; `end` sends the rest and says how it was answered. */
async function begun(port: number, agent: Agent) {
  let sent!: ClientRequest;
  const reply = new Promise<{ status: number | undefined; connection: string | undefined }>(
    (resolve, reject) => {
      const options = {
        port,
        host: '127.0.0.1',
        path: '/v2/models/rows/infer',
        method: 'POST',
        agent,
      };
      sent = request({ ...options, headers: { 'content-length': body.length } }, (response) => {
        const { statusCode: status, headers } = response;
        response.resume().on('end', () => resolve({ status, connection: headers.connection }));
      });
      sent.on('error', reject);
    },
  );
  reply.catch(() => undefined);
  sent.write(body.slice(0, 10));
  await pause(100);
  return () => {
    sent.end(body.slice(10));
    return reply;
  };
}

/** A connection on which nothing is asked; resolves when it was closed. */
const idle = (port: number) =>
  new Promise<{ closed: Promise<void> }>((resolve) => {
    const socket = connect(port, '127.0.0.1', () =>
      resolve({ closed: new Promise((done) => socket.resume().on('close', () => done())) }),
    );
  });

describe('a server that is closed', () => {
  it('answers what is under way, and keeps no connection for another request', async () => {
    const { server, port } = await serve(models);
    const agent = new Agent({ keepAlive: true });
    const end = await begun(port, agent);
    const other = await idle(port);
    const closed = server.close();
    await other.closed;
    await pause(100);
    expect(await end()).toEqual({ status: 200, connection: 'close' });
    // Waits for no client that would keep its connection.
    await closed;
    agent.destroy();
  });

  it('answers a request that was sent on an idle connection before its client could know', async () => {
    const { server, port } = await serve(models);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', path: '/v2/health/live', agent });
        sent.on('error', reject);
        sent.on('response', (response) => {
          response.resume().on('end', () => {
            resolve([response.statusCode, response.headers.connection, sent.reusedSocket]);
          });
        });
        sent.end();
      });
    expect(await ask()).toEqual([200, 'keep-alive', false]);
    await pause(50);
    const closed = server.close();
    expect(await ask()).toEqual([200, 'close', true]);
    await closed;
    agent.destroy();
  });

  it('waits no longer than it may for a request that does not end', async () => {
    const { server, port } = await serve(models);
    const agent = new Agent({ keepAlive: true });
    const end = await begun(port, agent);
    await server.close({ graceMs: 200 });
    await expect(end()).rejects.toThrow();
    agent.destroy();
  });

  it('says before that it is not ready, and answers all the same', async () => {
    const workers = process.platform === 'linux' ? 2 : 1;
    const { server, port } = await serve(models, { workers });
    const status = async (path: string, options = {}) => (await call(port, path, options)).status;
    const drained = server.drain({ delayMs: 3000 });
    await pause(100);
    for (let turn = 0; turn < 4; turn++) {
      expect(await status('/v2/health/ready')).toBe(503);
      expect(await status('/v2/health/live')).toBe(200);
      expect(await status('/v2/models/rows/infer', { body })).toBe(200);
    }
    await drained;
    await expect(status('/v2/health/live')).rejects.toThrow();
  });
});

describe.skipIf(process.platform === 'win32')('SIGTERM', () => {
  async function started(...args: string[]) {
    const model = `rows=${fixture(models.rows)}`;
    const child = spawn(process.execPath, [main, model, '--json', '--rest-port', '0', ...args]);
    const { port } = await listening(child);
    const exit = new Promise<unknown>((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    return { child, exit, port };
  }

  it('ends with 0 after what is under way, whoever keeps connections', async () => {
    const { child, exit, port } = await started('--drain-delay-seconds', '1');
    const agent = new Agent({ keepAlive: true });
    const end = await begun(port, agent);
    await idle(port);
    child.kill('SIGTERM');
    await pause(200);
    // Those who have not heard of it are answered.
    expect((await call(port, '/v2/models/rows/infer', { body })).status).toBe(200);
    expect((await call(port, '/v2/health/ready')).status).toBe(503);
    await pause(1200);
    expect(await end()).toEqual({ status: 200, connection: 'close' });
    expect(await exit).toBe(0);
    agent.destroy();
  });

  it('cuts what takes longer than it may', async () => {
    const { child, exit, port } = await started('--grace-seconds', '1');
    const agent = new Agent({ keepAlive: true });
    const end = await begun(port, agent);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    await expect(end()).rejects.toThrow();
    agent.destroy();
  });

  it('ends at once the second time', async () => {
    const { child, exit, port } = await started('--drain-delay-seconds', '60');
    const agent = new Agent({ keepAlive: true });
    await begun(port, agent);
    child.kill('SIGTERM');
    await pause(200);
    child.kill('SIGTERM');
    expect(await exit).toBe('SIGTERM');
    agent.destroy();
  });
});
