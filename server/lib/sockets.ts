import type { AddressInfo, Server, Socket } from 'node:net';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';

import { collectSoon } from './memory-pool';
import { Members } from './members';
import { HANDSHAKE_MS, secureContext, type TlsOptions } from './tls';

/** What a server that speaks TLS is made with. */
export const tlsServerOptions = (tls: TlsOptions): NodeTlsOptions => ({
  ...secureContext(tls),
  handshakeTimeout: HANDSHAKE_MS,
  requestCert: tls.clientCa !== undefined,
  rejectUnauthorized: true,
});

/** Another certificate for new connections of a server that speaks TLS. */
export function setTls(server: Server, tls: TlsOptions): void {
  if ('setSecureContext' in server) {
    (server as Server & { setSecureContext(options: object): void }).setSecureContext(
      secureContext(tls),
    );
  }
}

/** Of a server, now. */
export interface Connections {
  /** Those with which TLS is not agreed yet among them, which Node does not count. */
  readonly all: Iterable<Socket>;
  /** Those with which TLS is not agreed yet. */
  readonly inHandshake: Iterable<Socket>;
}

/** So many fewer connections than there were leave much behind: some 10 KB each. */
const MANY = 1000;

/** Others that are about to go are waited for. */
const EBB_MS = 1000;

/**
 * The connections of a new server from now on. One that comes to no terms is ended: what it would be told
 * would be said without TLS.
 */
export function connectionsOf(server: Server): Connections {
  const all = new Members<Socket>();
  const inHandshake = new Members<Socket>();
  // What TLS is agreed with is another object, of the same two ends.
  const byRemote = new Map<string | undefined, Socket>();
  const hasTls = 'setSecureContext' in server;
  let peak = 0;
  let ebb: NodeJS.Timeout | undefined;
  const collect = (): void => {
    ebb = undefined;
    peak = all.size;
    collectSoon();
  };
  server.on('connection', (socket: Socket) => {
    all.add(socket);
    const remote = hasTls ? remoteOf(socket) : undefined;
    if (hasTls) {
      inHandshake.add(socket);
      byRemote.set(remote, socket);
    }
    peak = Math.max(peak, all.size);
    socket.once('close', () => {
      all.delete(socket);
      if (peak - all.size >= MANY) ebb ??= setTimeout(collect, EBB_MS).unref();
      inHandshake.delete(socket);
      if (byRemote.get(remote) === socket) byRemote.delete(remote);
    });
  });
  server.on('secureConnection', (socket: Socket) => {
    const accepted = byRemote.get(remoteOf(socket));
    if (accepted !== undefined) inHandshake.delete(accepted);
  });
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  return { all, inHandshake };
}

/**
 * For a request that a client has sent on an idle connection before it could know that the server ends: one
 * that is closed meanwhile is a request that is lost.
 */
export const LAST_REQUEST_MS = 500;

/**
 * Listens at an address, or on a socket that is bound already.
 *
 * @throws Error if it cannot
 */
export function listen(
  server: Server,
  where: { port: number; host: string } | { fd: number },
): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}

/** The address and port of the other side, as one is written in a URL. */
export function remoteOf({ remoteAddress, remotePort }: Socket): string | undefined {
  if (remoteAddress === undefined) return undefined;
  return `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}
