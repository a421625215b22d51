import { closeSync, readlinkSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';

import { openServerSocket, type ServerSocketOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { errorOf } from './support';

const isWindows = process.platform === 'win32';
const spreadsConnections = process.platform === 'linux' || process.platform === 'freebsd';

/** The body of a response, on a connection of its own. */
function request(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host, port, agent: false, headers: { connection: 'close' } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve(body);
      });
    }).on('error', reject);
  });
}

async function listen(fd: number, body: string): Promise<Server> {
  const server = createServer((_, response) => response.end(body)).listen({ fd });
  await once(server, 'listening');
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

/** Whether this machine has the loopback address of IPv6. */
function hasIpv6(): boolean {
  try {
    closeSync(openServerSocket({ host: '::1' }).fd);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(isWindows)('openServerSocket', () => {
  const addresses: [host: string | undefined, family: string, client: string][] = [
    ['127.0.0.1', 'IPv4', '127.0.0.1'],
    [undefined, hasIpv6() ? 'IPv6' : 'IPv4', '127.0.0.1'],
  ];
  if (hasIpv6()) addresses.push(['::1', 'IPv6', '::1']);

  it.each(addresses)('opens what server.listen takes: %s', async (host, family, client) => {
    const socket = openServerSocket(host === undefined ? {} : { host });
    expect(socket).toMatchObject({
      family,
      address: host ?? (family === 'IPv6' ? '::' : '0.0.0.0'),
    });
    expect(socket.port).toBeGreaterThan(0);
    const server = await listen(socket.fd, 'hello');
    expect(server.address()).toEqual({
      address: socket.address,
      port: socket.port,
      family: socket.family,
    });
    expect(await request(client, socket.port)).toBe('hello');
    await close(server);
  });

  it.skipIf(!hasIpv6())('takes connections by IPv6 only if it is told so', async () => {
    const { fd, port } = openServerSocket({ host: '::', ipv6Only: true });
    const server = await listen(fd, 'six');
    expect(await request('::1', port)).toBe('six');
    await expect(request('127.0.0.1', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await close(server);
  });

  it('gives the port that it is asked for, to one', async () => {
    const { fd, port } = openServerSocket({ host: '127.0.0.1' });
    const server = await listen(fd, 'first');
    for (const reusePort of spreadsConnections ? [false, true] : [false]) {
      const error = await errorOf(() => openServerSocket({ host: '127.0.0.1', port, reusePort }));
      expect(error.code).toBe('ERR_BUSY');
      expect(error.message).toBe(`openServerSocket: bind EADDRINUSE 127.0.0.1:${port}`);
      expect(error.cause).toMatchObject({
        code: 'EADDRINUSE',
        syscall: 'bind',
        address: '127.0.0.1',
        port,
      });
    }
    await close(server);
    const again = openServerSocket({ host: '127.0.0.1', port });
    expect(again.port).toBe(port);
    closeSync(again.fd);
  });

  it('says of an address that it is not to be had', async () => {
    const error = await errorOf(() => openServerSocket({ host: '192.0.2.1' }));
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.cause).toMatchObject({ code: 'EADDRNOTAVAIL', address: '192.0.2.1', port: 0 });
  });

  it.each<[ServerSocketOptions, RegExp]>([
    [{ host: 'localhost' }, /^options\.host: expected an IPv4 or IPv6 address, got 'localhost'$/],
    [{ host: '' }, /^options\.host: /],
    [{ host: 5 as never }, /^options\.host: /],
    [{ port: -1 }, /^options\.port: expected an integer from 0 to 65535, got -1$/],
    [{ port: 65_536 }, /^options\.port: /],
    [{ port: '80' as never }, /^options\.port: /],
    [{ reusePort: 1 as never }, /^options\.reusePort: expected a boolean/],
    [{ backlog: 5 } as never, /^options: expected one of host, ipv6Only, port, reusePort/],
    [null as never, /^options: expected an object/],
  ])('refuses %o', async (options, message) => {
    const error = await errorOf(() => openServerSocket(options));
    expect(error.code).toBe('ERR_INVALID_ARGUMENT');
    expect(error.message).toMatch(message);
  });

  it.skipIf(process.platform !== 'linux')('is not inherited by other programs', () => {
    const { fd } = openServerSocket({ host: '127.0.0.1' });
    const name = readlinkSync(`/proc/self/fd/${fd}`);
    expect(name).toMatch(/^socket:/);
    const inherited = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(inherited).not.toContain(name);
    closeSync(fd);
  });

  it.runIf(spreadsConnections)('has two threads listen on one port, and both answer', async () => {
    const first = openServerSocket({ host: '127.0.0.1', reusePort: true });
    const script = join(__dirname, 'server-socket-worker.mjs');
    const workers = [first.fd, undefined].map(
      (fd) => new Worker(script, { workerData: { fd, port: first.port } }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const bodies = new Set<string>();
    // The kernel chooses by a hash of the connection: each has another port.
    for (let attempt = 0; attempt < 200 && bodies.size < 2; attempt++) {
      bodies.add(await request('127.0.0.1', first.port));
    }
    expect(bodies).toEqual(new Set(workers.map(({ threadId }) => `thread ${threadId}`)));
    await workers[0]?.terminate();
    // The other has every connection now.
    for (let attempt = 0; attempt < 20; attempt++) {
      expect(await request('127.0.0.1', first.port)).toBe(`thread ${workers[1]?.threadId}`);
    }
    await workers[1]?.terminate();
  });

  it.skipIf(spreadsConnections)('says that the kernel does not spread connections', async () => {
    const error = await errorOf(() => openServerSocket({ reusePort: true }));
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toMatch(/^options\.reusePort: /);
  });
});

it.runIf(isWindows)('openServerSocket is not for Windows', async () => {
  const error = await errorOf(() => openServerSocket());
  expect(error.code).toBe('ERR_UNSUPPORTED');
  expect(error.message).toMatch(/Windows/);
});
