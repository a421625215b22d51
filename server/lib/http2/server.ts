import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';

import { Members } from '../members';
import {
  LAST_REQUEST_MS,
  connectionsOf,
  listen,
  remoteOf,
  setTls,
  tlsServerOptions,
  type Connections,
} from '../sockets';
import type { TlsOptions } from '../tls';

import { Http2Connection } from './connection';
import type { RequestHead } from './request-head';
import type { Http2Stream, StreamSink } from './stream';

/**
 * Makes what answers a request.
 *
 * @param remote - the address and port that it comes from
 */
export type Answerer = (
  stream: Http2Stream,
  head: RequestHead,
  remote: string | undefined,
) => StreamSink;

/** Between two looks for clients that take nothing. */
const LOOK_MS = 10_000;

/** A server of HTTP/2; without TLS for clients that know that it is one. */
export class Http2Server {
  readonly #server: Server | TlsServer;
  readonly #connections = new Members<Http2Connection>();
  readonly #sockets: Connections;

  constructor(
    accept: Answerer,
    { tls, maxConnections }: { tls?: TlsOptions | undefined; maxConnections: number },
  ) {
    const connected = (socket: Socket): void => {
      const remote = remoteOf(socket);
      const connection = new Http2Connection(socket, (stream, head) =>
        accept(stream, head, remote),
      );
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
              ...tlsServerOptions(tls),
              // Others are told so by TLS itself.
              ALPNProtocols: ['h2'],
              noDelay: true,
            },
            connected,
          );
    this.#server.maxConnections = maxConnections;
    this.#sockets = connectionsOf(this.#server);
    // A client that takes nothing of its answers holds the memory that they are in, whatever else it sends.
    const looking = setInterval(() => {
      for (const connection of this.#connections) connection.endIfStalled();
    }, LOOK_MS);
    this.#server.once('close', () => clearInterval(looking));
    looking.unref();
  }

  /** Another certificate for new connections. */
  setTls(tls: TlsOptions): void {
    setTls(this.#server, tls);
  }

  /** Resolves with where it listens. @throws Error if it cannot */
  listen(where: { port: number; host: string } | { fd: number }): Promise<AddressInfo> {
    return listen(this.#server, where);
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
    const { all, inHandshake } = this.#sockets;
    const timers = [setTimeout(() => destroyAll(inHandshake), LAST_REQUEST_MS)];
    if (graceMs > 0) timers.push(setTimeout(() => destroyAll(all), graceMs));
    await closed;
    for (const timer of timers) clearTimeout(timer);
  }
}

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) socket.destroy();
}
