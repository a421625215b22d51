import type { IncomingMessage, ServerResponse } from 'node:http';

import { ALL_MODELS, type Action } from '../access';
import { RequestError, failureOf, type WireFailure } from '../wire/errors';
import { jsonAnswer, type Body, type WireAnswer } from '../wire/request';
import type { Handler, Method, Protocol, Route } from '../wire/route';
import type { Admit } from './admission';
import { withoutQuery, type Found, type RouteTable } from './paths';
import { ClientGone, announcedBody, readBody } from './read-body';
import { send } from './send';
import { together } from './together';

/** Answers what is none of a protocol's paths. */
export interface Page {
  readonly needs: 'nothing' | Action;
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
}

/** What the handler of requests is made with. */
export interface HandlerSettings {
  readonly routes: RouteTable;
  readonly maxBodyBytes: number;
  /** Whether answers are compressed for clients that ask for it. */
  readonly compression: boolean;
  /** Paths that are none of a protocol's, such as `/metrics`. */
  readonly pages: ReadonlyMap<string, Page>;
  /** Asked of each request before its body is read. */
  readonly admit: Admit;
  /** The model that a path is about which names none; undefined if there are several. */
  readonly onlyModel: () => string | undefined;
  /** Whether connections end with their answers. */
  readonly isClosing: () => boolean;
  /** Told of what is answered with 500. */
  readonly onError: (error: unknown) => void;
}

/** Answers a request; `continues` if the client waits to be told so before it sends the body. */
export type HttpHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  continues?: boolean,
) => void;

export function createHandler(settings: HandlerSettings): HttpHandler {
  const { routes, pages, compression, maxBodyBytes, admit } = settings;
  return (request, response, continues = false) => {
    const url = request.url ?? '/';
    const path = withoutQuery(url);
    let found: Found | undefined;
    const succeed = (answer: WireAnswer): void =>
      together(() => {
        try {
          if (settings.isClosing()) response.shouldKeepAlive = false;
          send(request, response, answer, compression);
        } catch (error) {
          settings.onError(error);
          response.destroy();
        }
      });
    const fail = (error: unknown): void => {
      if (error instanceof ClientGone) {
        response.destroy();
        return;
      }
      const failure = failureOf(error);
      if (failure.internal !== undefined) settings.onError(failure.internal);
      // What is left of the body would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      const protocol = found?.protocol ?? routes.ownerOf(path);
      succeed(printFailure(protocol, failure));
    };
    const handle = (handler: Handler, names: Found['names'], body: Body): void => {
      const { method = 'GET', headers } = request;
      let answer: WireAnswer | Promise<WireAnswer>;
      try {
        answer = handler({ method, headers, names, body, origin: () => originOf(request) });
      } catch (error) {
        fail(error);
        return;
      } finally {
        body.release();
      }
      if (answer instanceof Promise) answer.then(succeed, fail).catch(settings.onError);
      else succeed(answer);
    };
    /** Goes on once the caller was let through. */
    const admitted = (waited: Promise<void> | undefined, goOn: () => void): void => {
      if (waited === undefined) goOn();
      else waited.then(goOn).catch(fail);
    };
    try {
      const page = pages.get(path);
      if (page !== undefined) {
        const { needs, answer } = page;
        admitted(admit(request, needs, undefined), () => answer(request, response));
        return;
      }
      found = routes.find(url);
      if (found === undefined) throw unknownPath(routes.ownerOf(path), path);
      const { route, names } = found;
      const handler = route.methods[methodOf(request, route)];
      if (handler === undefined) throw wrongMethod(request, route);
      checkType(request, route);
      const announced = announcedBody(request, maxBodyBytes);
      const model = route.ofAll === true ? ALL_MODELS : (names['model'] ?? settings.onlyModel());
      admitted(admit(request, route.needs ?? 'infer', model), () => {
        if (continues) response.writeContinue();
        readBody(request, announced, maxBodyBytes, (body) => handle(handler, names, body), fail);
      });
    } catch (error) {
      fail(error);
    }
  };
}

function unknownPath(protocol: Protocol | undefined, path: string): RequestError {
  const said = protocol?.unknownPath;
  if (said !== undefined) return new RequestError(said.status, said.message);
  return new RequestError(404, `there is no ${path.slice(0, 200)}`);
}

const methodOf = ({ method }: IncomingMessage, { methods }: Route): Method =>
  // Node leaves the body of an answer to HEAD out.
  (method === 'HEAD' && methods.GET !== undefined ? 'GET' : method) as Method;

function wrongMethod({ method }: IncomingMessage, { methods }: Route): RequestError {
  const allowed = Object.keys(methods);
  if (methods.GET !== undefined) allowed.push('HEAD');
  const Allow = allowed.join(', ');
  return new RequestError(405, `expected ${Allow}, got ${method}`, { Allow });
}

function checkType({ headers }: IncomingMessage, { takes, methods }: Route): void {
  if (takes === undefined || methods.POST === undefined) return;
  const header = headers['content-type'];
  // What is there most often needs no taking apart.
  if (header === undefined || !/[; A-Z]/.test(header)) {
    if (takes(header === '' ? undefined : header, '')) return;
    throw wrongType(header);
  }
  const [type, ...parameters] = header.split(';');
  const name = type?.trim().toLowerCase();
  if (takes(name === '' ? undefined : name, parameters.join(';').trim())) return;
  throw wrongType(header);
}

const wrongType = (header = ''): RequestError =>
  new RequestError(
    415,
    header === ''
      ? 'Content-Type: it is missing, and it is needed here'
      : `Content-Type: '${header}' is none that is taken here`,
  );

/** With what the path began with where the handler is mounted, as Express tells it. */
const originOf = (request: IncomingMessage & { readonly baseUrl?: string }): string => {
  const { headers, socket, baseUrl = '' } = request;
  return `${'encrypted' in socket ? 'https' : 'http'}://${headers.host ?? `localhost:${socket.localPort}`}${baseUrl}`;
};

function printFailure(protocol: Protocol | undefined, failure: WireFailure): WireAnswer {
  const answer =
    protocol === undefined
      ? jsonAnswer({ error: failure.message }, failure.status)
      : protocol.printError(failure);
  return failure.headers === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, ...failure.headers } };
}
