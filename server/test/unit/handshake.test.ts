import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { Http2Server } from '../../lib/http2/server';
import { certificates, hasOpenssl, tlsOf } from '../certificates';

const short = vi.hoisted(() => ({ ms: 60_000 }));
vi.mock(import('../../lib/tls'), async (original) => {
  const real = await original();
  return Object.defineProperty({ ...real }, 'HANDSHAKE_MS', { get: () => short.ms });
});

const folder = mkdtempSync(join(tmpdir(), 'onlite-handshake-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasOpenssl)('a client that shakes no hands', () => {
  async function silent() {
    const { authority } = certificates(folder);
    const server = new Http2Server(
      () => {
        throw new Error('there are no requests');
      },
      { tls: tlsOf(authority('own')), maxConnections: 100 },
    );
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket.resume(), 'connect');
    return { server, closed: once(socket, 'close') };
  }

  it('is hung up on after a while', async () => {
    short.ms = 200;
    const { server, closed } = await silent();
    await closed;
    await server.close(0);
    expect(server).toBeDefined();
  });

  it('keeps no server from closing', async () => {
    short.ms = 60_000;
    const { server, closed } = await silent();
    await server.close(200);
    expect(await closed).toBeDefined();
  });
});
