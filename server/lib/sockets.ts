import type { AddressInfo, Server, Socket } from 'node:net';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';

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

/**
 * All connections of a new server from now on, those with which TLS is not agreed yet among them. One that
 * comes to no terms is ended: what it would be told would be said without TLS.
 */
export function connectionsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  return sockets;
}

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
