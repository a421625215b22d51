import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';

import { HANDSHAKE_MS, secureContext, type TlsOptions } from '../tls';

import { Http2Connection } from './connection';
import type { Accept } from './stream';

/** Between two looks for clients that take nothing. */
const LOOK_MS = 10_000;

/** A server of HTTP/2; without TLS for clients that know that it is one. */
export class Http2Server {
  readonly #server: Server | TlsServer;
  readonly #connections = new Set<Http2Connection>();
  /** All that are connected, be it without having shaken hands. */
  readonly #sockets = new Set<Socket>();

  constructor(accept: Accept, tls?: TlsOptions) {
    const connected = (socket: Socket): void => {
      const connection = new Http2Connection(socket, accept);
      this.#connections.add(connection);
      // It may have shaken hands while the server was closing.
      if (!this.#server.listening) connection.leave();
      socket.once('close', () => this.#connections.delete(connection));
    };
    this.#server =
      tls === undefined
        ? createServer({ noDelay: true }, connected)
        : createTlsServer(
            {
              ...secureContext(tls),
              // Others are told so by TLS itself.
              ALPNProtocols: ['h2'],
              handshakeTimeout: HANDSHAKE_MS,
              noDelay: true,
              requestCert: tls.clientCa !== undefined,
              rejectUnauthorized: true,
            },
            connected,
          );
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A client that takes nothing of its answers holds the memory that they are in, whatever else it sends.
    const looking = setInterval(() => {
      for (const connection of this.#connections) connection.endIfStalled();
    }, LOOK_MS);
    this.#server.once('close', () => clearInterval(looking));
    looking.unref();
    // Who shakes no hands in time stays connected otherwise.
    this.#server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  }

  /** Another certificate for new connections. */
  setTls(tls: TlsOptions): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(secureContext(tls));
  }

  /** Resolves with where it listens. @throws Error if it cannot */
  listen(where: { port: number; host: string } | { fd: number }): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /**
   * Takes no more requests, has those under way answered, and closes the connections.
   *
   * @param graceMs - for requests under way; 0 is no limit
   */
  async close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.leave();
    const timer =
      graceMs === 0
        ? undefined
        : setTimeout(() => {
            for (const socket of this.#sockets) socket.destroy();
          }, graceMs);
    await closed;
    clearTimeout(timer);
  }
}
