import type { IncomingMessage } from 'node:http';

import { allows } from '../access';
import { Transport } from '../metrics/request-counts';
import type { ProtocolName } from '../models';
import { ObservedRequest } from '../observe/observed-request';
import { remoteOf } from '../sockets';
import { Body, headerOf, type WireRequest } from '../wire/request';
import { withoutQuery, type Found } from './paths';

const NO_BODY = new Body([]);
const NO_NAMES: Found['names'] = {};

/** A request over HTTP, as its handler is given it and as it is observed. */
export class HttpRequest extends ObservedRequest implements WireRequest {
  readonly message: IncomingMessage;
  readonly url: string;
  readonly path: string;
  /** The path of a protocol that it is for. */
  found: Found | undefined;
  body = NO_BODY;

  constructor(message: IncomingMessage, transport: number) {
    super(transport, transport === Transport.management ? 'management' : 'http');
    this.message = message;
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
