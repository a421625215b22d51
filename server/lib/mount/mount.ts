import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';

import { OnliteError } from 'onlite';

import type { HandlerSettings, HttpHandler } from '../http/handler';
import { withoutQuery } from '../http/paths';
import { Members } from '../members';
import { unreadRequest } from './read-before';

/** Where in a service the models are. */
export interface MountOptions {
  /** What their paths begin with, such as `/ml`: `/ml/v2/models/…`. Default nothing. */
  readonly prefix?: string;
}

/** Paths that every service has for itself: they are the models' only below a prefix. */
const COMMON_PATHS = new Set(['/', '/ping', '/health', '/version', '/metrics', '/status']);

/** What Express and we tell the handlers below a prefix. */
interface PrefixedRequest extends IncomingMessage {
  baseUrl?: string;
  originalUrl?: string;
}

/** The models' paths in a service that has others, and the requests under way for them. */
export class Mount {
  readonly #settings: HandlerSettings;
  readonly #handler: HttpHandler;
  readonly #underWay = new Members<ServerResponse>();
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor(settings: HandlerSettings, handler: HttpHandler) {
    this.#settings = settings;
    this.#handler = handler;
  }

  /**
   * Answers a request if it is for a model, which is said by its path after the prefix.
   *
   * @param prefix - what the path still begins with; Express has taken it away already
   * @returns whether it does
   * @throws OnliteError if the request's body is gone
   */
  take(
    request: IncomingMessage,
    response: ServerResponse,
    { prefix = '', continues = false }: MountOptions & { continues?: boolean } = {},
  ): boolean {
    const { url = '/', baseUrl = prefix, originalUrl }: PrefixedRequest = request;
    const own = withoutPrefix(url, prefix);
    if (this.#isClosed || own === undefined) return false;
    if (!this.#hasPath(own, baseUrl === '')) return false;
    const unread: PrefixedRequest = unreadRequest(request);
    this.#underWay.add(response);
    response.once('close', () => {
      this.#underWay.delete(response);
      if (this.#underWay.size === 0) this.#onIdle?.();
    });
    unread.baseUrl = baseUrl;
    unread.url = own;
    if (originalUrl !== undefined) unread.originalUrl = own;
    this.#handler(unread, response, continues);
    // Whom the host tells of the request knows it by these.
    request.url = url;
    if (originalUrl !== undefined) Object.assign(request, { originalUrl });
    return true;
  }

  /**
   * Answers a server's requests for models; those that listen to it now have the others.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for a prefix that no path begins with
   */
  attach(server: Server, options: MountOptions): void {
    const prefix = checkPrefix(options);
    const requestListeners = takeListeners(server, 'request');
    const continueListeners = takeListeners(server, 'checkContinue');
    const answerAlone = (request: IncomingMessage, response: ServerResponse) => {
      // Nobody else is there: unknown paths are told so.
      if (this.#isClosed) response.writeHead(503, { Connection: 'close' }).end();
      else this.#handler(request, response);
    };
    const others = requestListeners.length === 0 ? [answerAlone] : requestListeners;
    server.on('request', (request, response) => {
      if (this.take(request, response, { prefix })) return;
      for (const listener of others) listener.call(server, request, response);
    });
    server.on('checkContinue', (request, response) => {
      if (this.take(request, response, { prefix, continues: true })) return;
      // As Node does it for a server that does not listen to this.
      if (continueListeners.length === 0) response.writeContinue();
      const rest = continueListeners.length === 0 ? others : continueListeners;
      for (const listener of rest) listener.call(server, request, response);
    });
  }

  #hasPath(url: string, isRoot: boolean): boolean {
    const path = withoutQuery(url);
    if (isRoot && COMMON_PATHS.has(path)) return false;
    const { pages, routes } = this.#settings;
    return pages.has(path) || routes.has(url);
  }

  /** Takes no more requests, and waits for those under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#underWay.size === 0) return;
    await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}

function checkPrefix({ prefix = '' }: MountOptions): string {
  if (prefix === '' || prefix.startsWith('/')) return prefix.replace(/\/+$/, '');
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `options.prefix: expected a path that begins with '/', got '${prefix}'`,
  );
}

function takeListeners(server: Server, event: 'request' | 'checkContinue'): RequestListener[] {
  const listeners = server.listeners(event) as RequestListener[];
  server.removeAllListeners(event);
  return listeners;
}

/** A path as the handler knows it; undefined for one that does not begin with the prefix. */
function withoutPrefix(url: string, prefix: string): string | undefined {
  if (!url.startsWith(prefix)) return undefined;
  const rest = url.slice(prefix.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : undefined;
}
