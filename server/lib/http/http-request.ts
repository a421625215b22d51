import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import { allows } from '../access';
import { Transport } from '../metrics/request-counts';
import type { Caller, ProtocolName } from '../models';
import { ObservedRequest } from '../observe/observed-request';
import { remoteOf } from '../sockets';
import { grpcTimeout, milliseconds, urgency } from '../wire/caller-fields';
import { badRequest } from '../wire/errors';
import { Body, headerOf, type WireRequest } from '../wire/request';
import { withoutQuery, type Found } from './paths';

const NO_BODY = new Body([]);
const NO_NAMES: Found['names'] = {};

/** Headers that say how long a client waits: Envoy's and gRPC's own, and a plain one. */
const TIMEOUTS = [
  ['x-request-timeout-ms', milliseconds],
  ['x-envoy-expected-rq-timeout-ms', milliseconds],
  ['grpc-timeout', grpcTimeout],
] as const;

/**
 * When the client of a request that came now waits no more, by `performance.now()`; undefined if it does not say.
 *
 * @throws RequestError 400 for a time that is none
 */
export function deadlineOf(headers: IncomingHttpHeaders): number | undefined {
  for (const [name, read] of TIMEOUTS) {
    const value = headers[name];
    if (value === undefined) continue;
    const ms = read(String(value));
    if (ms === undefined) throw badRequest(name, `'${String(value).slice(0, 60)}' is no time`);
    return performance.now() + ms;
  }
  return undefined;
}

/** A request over HTTP, as its handler is given it and as it is observed, and its client. */
export class HttpRequest extends ObservedRequest implements WireRequest, Caller {
  readonly message: IncomingMessage;
  readonly url: string;
  readonly path: string;
  /** The path of a protocol that it is for. */
  found: Found | undefined;
  body = NO_BODY;
  /** When its client waits no more. */
  deadline: number | undefined;
  readonly #response: ServerResponse;
  #controller: AbortController | undefined;
  #tell: (() => void) | undefined;
  #isWatched = false;

  constructor(message: IncomingMessage, response: ServerResponse, transport: number) {
    super(transport, transport === Transport.management ? 'management' : 'http');
    this.message = message;
    this.#response = response;
    this.url = message.url ?? '/';
    this.path = withoutQuery(this.url);
  }

  isFor(found: Found): void {
    this.found = found;
    this.protocol = found.protocol.name as ProtocolName;
  }

  get headers(): IncomingMessage['headers'] {
    return this.message.headers;
  }

  get names(): Found['names'] {
    return this.found?.names ?? NO_NAMES;
  }

  header(name: string): string | undefined {
    return headerOf(this.message.headers, name);
  }

  get method(): string {
    return this.message.method ?? 'GET';
  }

  get route(): string {
    if (this.found === undefined) return '';
    let route = this.path;
    for (const [name, value] of Object.entries(this.names)) {
      // Where it is written otherwise it is left as it is.
      if (value !== undefined && name !== 'operation') route = route.replace(value, `{${name}}`);
    }
    return route;
  }

  get remote(): string | undefined {
    return remoteOf(this.message.socket);
  }

  get caller(): Caller {
    return this;
  }

  get priority(): number {
    return urgency(this.header('priority'));
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#watch();
    }
    return this.#controller.signal;
  }

  onLeave(tell: (() => void) | undefined): void {
    this.#tell = tell;
    if (tell !== undefined) this.#watch();
  }

  #watch(): void {
    if (this.#response.destroyed) queueMicrotask(() => this.#left());
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#response.once('close', () => this.#left());
  }

  #left(): void {
    // It closes after the answer, too.
    if (this.#response.writableFinished) return;
    this.#controller?.abort();
    this.#tell?.();
  }

  /** With what the path began with where the handler is mounted, as Express tells it. */
  origin(): string {
    const {
      headers,
      socket,
      baseUrl = '',
    } = this.message as IncomingMessage & { baseUrl?: string };
    const host = headers.host ?? `localhost:${socket.localPort}`;
    return `${'encrypted' in socket ? 'https' : 'http'}://${host}${baseUrl}`;
  }

  allows(model: string): boolean {
    const needs = this.found?.route.needs ?? 'infer';
    return this.grant === undefined || needs === 'nothing' || allows(this.grant, needs, model);
  }

  note(parameters: object): void {
    if (this.change !== undefined) this.change.parameters = parameters;
  }
}
