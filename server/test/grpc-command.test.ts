import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';

import { V2, callGrpc, newClient } from './grpc-support';
import { fixture, listening, root } from './support';

const main = join(root, 'server/dist/cli/main.js');

describe('the command and gRPC', () => {
  it.each(['--grpc-port', '--port'])('listens where %s says, and ends', async (option) => {
    const args = [main, fixture('add4.onnx'), '--json', '--rest-port', '0', option, '0'];
    const child = spawn(process.execPath, args);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const { grpcPort } = await listening(child);
    const client = newClient(grpcPort);
    const reply = await callGrpc(client, `${V2}ModelReady`, [[1, 'add4']]);
    expect(reply.code).toBe(status.OK);
    // The connection that is open keeps it from nothing.
    child.kill('SIGTERM');
    const code = await ended;
    client.close();
    if (process.platform !== 'win32') expect(code).toBe(0);
  });

  it('ends with an error where the port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const args = [main, fixture('add4.onnx'), '--rest-port', '0', '--grpc-port', String(port)];
    const { status: code, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/onlite-server: .*EADDRINUSE/);
  });
});
