import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { HttpHandler } from './handler';
import { closeSoon } from './linger';
import { hasRequest, refuseRest } from './refusals';
import { InSlices } from './in-slices';
import { Members } from '../members';
import { LAST_REQUEST_MS, connectionsOf, tlsServerOptions, type Connections } from '../sockets';
import type { TlsOptions } from '../tls';

/** With or without TLS. */
export type WebServer = Server | HttpsServer;

/** Milliseconds; 0 is no limit. */
export interface HttpTimeouts {
  /**
   * How long a connection without a request stays open. Default 75 s: longer than load balancers keep
   * theirs, which would otherwise send requests to connections that are being closed.
   */
  readonly keepAliveMs?: number;
  /** For the headers of a request. Default 10 s. */
  readonly headersMs?: number;
  /** For a whole request. Default 60 s. */
  readonly requestMs?: number;
}

const CHECK_MS = 500;

/** Told of the status of what was no request. */
export type Refused = (status: number) => void;

/** An HTTP server with limits for clients that are slow, too many or wrong. */
export function createHttpServer(
  handler: HttpHandler,
  timeouts: HttpTimeouts = {},
  tls?: TlsOptions,
  refused?: Refused,
): WebServer {
  const { headersMs = 10_000, requestMs = 60_000 } = timeouts;
  const options = {
    keepAliveTimeout: timeouts.keepAliveMs ?? 75_000,
    // Node takes no longer one than for the whole.
    headersTimeout: requestMs > 0 ? Math.min(headersMs, requestMs) : headersMs,
    requestTimeout: requestMs,
    // The two above act only when connections are looked at: by default every 30 s. The more often, the fewer
    // have become too slow since.
    connectionsCheckingInterval: CHECK_MS,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? createServer(options)
      : createHttpsServer({
          ...options,
          ...tlsServerOptions(tls),
        });
  connections.set(server, connectionsOf(server));
  rememberUnused(server, tls === undefined ? 'connection' : 'secureConnection');
  serveWith(server, handler, refused);
  return server;
}

const connections = new WeakMap<WebServer, Connections>();

/** Connections on which nothing was asked yet: Node does not count them among the idle ones. */
const unused = new WeakMap<WebServer, Members<Socket>>();

function rememberUnused(server: WebServer, event: 'connection' | 'secureConnection'): void {
  const sockets = new Members<Socket>();
  unused.set(server, sockets);
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const used = ({ socket }: IncomingMessage): void => void sockets.delete(socket);
  server.on('request', used);
  server.on('checkContinue', used);
}

/** Has a server answer with a handler, which tells clients that wait to go on with their bodies. */
export function serveWith(
  server: WebServer,
  handler: HttpHandler,
  refused: Refused = () => undefined,
): void {
  server.on('request', (request, response) => {
    hasRequest(request);
    handler(request, response);
  });
  server.on('checkContinue', (request, response) => {
    hasRequest(request);
    handler(request, response, true);
  });
  server.on('checkExpectation', (_request, response) => {
    const body = '{"error":"Expect: only 100-continue is known"}';
    refused(417);
    response.writeHead(417, { 'Content-Type': 'application/json' }).end(body);
  });
  const tooSlow = new InSlices<Duplex>((socket) => refuse(socket, '408 Request Timeout', refused));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    // Node finds all of them at once: thousands of one moment would hold up those that are as they should be.
    else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') tooSlow.add(socket);
    else if (error.code === 'HPE_HEADER_OVERFLOW')
      refuse(socket, '431 Request Header Fields Too Large', refused);
    else refuse(socket, '400 Bad Request', refused);
  });
}

/** What is not HTTP, too long or too slow, in the words of the status alone; to one that never spoke, without words. */
function refuse(socket: Duplex, status: string, refused: Refused): void {
  if (!socket.writable || ('bytesRead' in socket && socket.bytesRead === 0)) {
    socket.destroy();
    return;
  }
  const code = Number.parseInt(status);
  if (!refuseRest(socket, code)) refused(code);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // A client may leave its own side open.
  closeSoon(socket);
}

/** Between two looks for connections that have become idle. */
const SWEEP_MS = 50;

/**
 * Takes no more connections and lets requests under way end. What is idle has a moment for a last request, which is
 * answered with `Connection: close`, and is closed then; all that is left is closed after a time.
 *
 * @param graceMs - for requests under way; 0 is no limit
 */
export async function close(server: WebServer, graceMs: number): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    const idleUntil = performance.now() + Math.min(LAST_REQUEST_MS, graceMs / 2 || Infinity);
    // An answer that was begun before has promised to keep its connection.
    const sweep = setInterval(() => {
      if (performance.now() < idleUntil) return;
      server.closeIdleConnections();
      for (const socket of unused.get(server) ?? []) socket.destroy();
      for (const socket of connections.get(server)?.inHandshake ?? []) socket.destroy();
    }, SWEEP_MS);
    const cut = (): void => {
      for (const socket of connections.get(server)?.all ?? []) socket.destroy();
    };
    const end = graceMs === 0 ? undefined : setTimeout(cut, graceMs);
    // The server's own way would close what is idle at once.
    NetServer.prototype.close.call(server, () => {
      clearInterval(sweep);
      clearTimeout(end);
      resolve();
    });
  });
}
