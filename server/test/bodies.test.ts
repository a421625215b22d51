// What the bodies of requests hold together, and who waits for whom.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { Client, compressionAlgorithms, credentials, status } from '@grpc/grpc-js';
import { createServer, type ModelServer } from '@onlite/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { V2, callGrpc, infer, input, newClient } from './grpc-support';
import { encode } from './protobuf';
import { call, fixture, listening, root, type Call } from './support';

const MIB = 1 << 20;
const path = '/v2/models/rows/infer';

/** A request with rows of three floats, of so many bytes. */
function binary(bytes: number): Call {
  const rows = Math.floor(bytes / 12);
  const x = { name: 'x', datatype: 'FP32', shape: [rows, 3] };
  const head = JSON.stringify({
    inputs: [{ ...x, parameters: { binary_data_size: rows * 12 } }],
    outputs: [{ name: 'y', parameters: { binary_data: true } }],
  });
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(rows * 12)]);
  return { body, headers: { 'Inference-Header-Content-Length': String(head.length) } };
}

function text(bytes: number): Buffer {
  const rows = Math.floor(bytes / 12);
  const head = `{"inputs":[{"name":"x","datatype":"FP32","shape":[${rows},3],"data":[`;
  const tail = ']}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}';
  return Buffer.from(`${head}${'1.5,'.repeat(rows * 3 - 1)}1.5${tail}`);
}

describe('bodies in flight', () => {
  let server: ModelServer;
  let port: number;
  let most = 0;
  let looking: NodeJS.Timeout;
  beforeEach(async () => {
    server = createServer({ maxBodyBytesInFlight: 8 * MIB });
    await server.load({ name: 'rows', version: '1', file: fixture('identity_float32.onnx') });
    ({ port } = await server.listen(0));
    most = 0;
    looking = setInterval(() => (most = Math.max(most, server.bodies.bytes)), 1);
  });
  afterEach(async () => {
    clearInterval(looking);
    await server.close();
  });

  /** Clients may have their answers before the server hears of that. */
  const empty = async (): Promise<void> => {
    while (server.bodies.bytes > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  const forms: [string, Call][] = [
    ['binary', binary(4 * MIB)],
    ['text', { body: text(4 * MIB) }],
    ['packed', { body: gzipSync(text(4 * MIB)), headers: { 'Content-Encoding': 'gzip' } }],
    [
      'of unknown length',
      {
        ...binary(4 * MIB),
        headers: { ...binary(4 * MIB).headers, 'Transfer-Encoding': 'chunked' },
      },
    ],
  ];
  it.each(forms)('that are %s wait for each other, and all are answered', async (_, request) => {
    const replies = await Promise.all(Array.from({ length: 12 }, () => call(port, path, request)));
    expect(replies.map((reply) => reply.status)).toEqual(Array(12).fill(200));
    expect(most).toBeGreaterThan(4 * MIB);
    // The oldest may have more than there is.
    expect(most).toBeLessThanOrEqual(12.5 * MIB);
    await empty();
    expect(server.bodies.waiting).toBe(0);
  });

  it('of gRPC do so, too', async () => {
    const { port: grpcPort } = await server.listenGrpc(0);
    const rows = Math.floor((4 * MIB) / 12);
    const message = encode(
      infer('rows', [input('x', 'FP32', [rows, 3])], [[7, Buffer.alloc(rows * 12)]]),
    );
    const clients = Array.from({ length: 12 }, () => newClient(grpcPort));
    const replies = await Promise.all(
      clients.map((client) => callGrpc(client, `${V2}ModelInfer`, message)),
    );
    for (const client of clients) client.close();
    expect(replies.map(({ code }) => code)).toEqual(Array(12).fill(status.OK));
    expect(most).toBeGreaterThan(4 * MIB);
    expect(most).toBeLessThanOrEqual(12.5 * MIB);
    await empty();
  });

  it('of gRPC that are packed are counted as what they unpack to', async () => {
    const { port: grpcPort } = await server.listenGrpc(0);
    const rows = Math.floor((6 * MIB) / 12);
    const message = encode(
      infer('rows', [input('x', 'FP32', [rows, 3])], [[7, Buffer.alloc(rows * 12)]]),
    );
    const clients = Array.from(
      { length: 8 },
      () =>
        new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure(), {
          'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
          'grpc.max_receive_message_length': -1,
          'grpc.use_local_subchannel_pool': 1,
        }),
    );
    const replies = await Promise.all(
      clients.map((client) => callGrpc(client, `${V2}ModelInfer`, message)),
    );
    for (const client of clients) client.close();
    expect(replies.map(({ code }) => code)).toEqual(Array(8).fill(status.OK));
    expect(most).toBeGreaterThan(6 * MIB);
    expect(most).toBeLessThanOrEqual(14.5 * MIB);
    await empty();
  });

  it('that are larger than all of it are answered one by one', async () => {
    const replies = await Promise.all(
      Array.from({ length: 3 }, () => call(port, path, binary(12 * MIB))),
    );
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200]);
    await empty();
  });

  it('of clients that say much and send nothing hold nothing', async () => {
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${64 * MIB}\r\n\r\n{`);
      return socket;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.bodies.bytes).toBe(0);
    expect((await call(port, path, binary(4 * MIB))).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('of clients that do not go on are given up for others', async () => {
    const half = connect(port, '127.0.0.1');
    let answer = '';
    half.on('error', () => undefined).on('data', (bytes: Buffer) => (answer += bytes.toString()));
    half.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    half.write(Buffer.alloc(7.9 * MIB));
    while (server.bodies.bytes < 7 * MIB) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await call(port, path, binary(4 * MIB))).status).toBe(200);
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*too little of it comes/s);
    half.destroy();
    await empty();
  });

  it('of clients that leave are held no more', async () => {
    const { body = '', headers = {} } = binary(8 * MIB);
    const fields = Object.entries({ ...headers, 'Content-Length': String(body.length) });
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${head}\r\n`);
    socket.write(body.slice(0, 4 * MIB));
    while (server.bodies.bytes < 3 * MIB) await new Promise((resolve) => setTimeout(resolve, 10));
    socket.destroy();
    await empty();
    expect((await call(port, path, binary(4 * MIB))).status).toBe(200);
  });
});

describe.runIf(process.platform === 'linux')(
  'a server that is sent 12 bodies of 64 MiB at once',
  () => {
    it('takes less than 350 MiB for them', async () => {
      const main = join(root, 'server/dist/cli/main.js');
      const model = `rows=${fixture('identity_float32.onnx')}`;
      const child = spawn(process.execPath, [
        main,
        model,
        '--json',
        '--rest-port',
        '0',
        '--no-grpc',
      ]);
      const { port } = await listening(child);
      const mebibytes = (key: string): number => {
        const lines = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(lines)?.[1]) / 1024;
      };
      const before = mebibytes('VmRSS');
      const request = binary(64 * MIB);
      const replies = await Promise.all(
        Array.from({ length: 12 }, () => call(port, path, request)),
      );
      expect(replies.map((reply) => reply.status)).toEqual(Array(12).fill(200));
      expect(mebibytes('VmHWM') - before).toBeLessThan(350);
      child.kill();
    });
  },
);
