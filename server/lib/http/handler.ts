import type { IncomingMessage, ServerResponse } from 'node:http';

import { RequestError, failureOf, type WireFailure } from '../wire/errors';
import { jsonAnswer, type WireAnswer } from '../wire/request';
import type { Method, Protocol, Route } from '../wire/route';
import { findRoute } from './paths';
import { ClientGone, announcedBody, readBody } from './read-body';
import { send } from './send';

/** What the handler of requests is made with. */
export interface HandlerSettings {
  readonly protocols: readonly Protocol[];
  readonly maxBodyBytes: number;
  /** Whether answers are compressed for clients that ask for it. */
  readonly compression: boolean;
  /** Paths that are none of a protocol's, such as `/metrics`. */
  readonly pages: ReadonlyMap<string, (request: IncomingMessage, response: ServerResponse) => void>;
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
  const { protocols, pages, compression } = settings;
  return (request, response, continues = false) => {
    const url = request.url ?? '/';
    const [path = ''] = url.split('?', 1);
    const page = pages.get(path);
    if (page !== undefined) {
      page(request, response);
      return;
    }
    let protocol = protocols.find(({ owns }) => owns(path));
    const answer = async (): Promise<WireAnswer> => {
      const found = findRoute(protocols, url);
      if (found === undefined) throw unknownPath(protocol, path);
      ({ protocol } = found);
      const { route, names } = found;
      const handler = route.methods[methodOf(request, route)];
      if (handler === undefined) throw wrongMethod(request, route);
      checkType(request, route);
      const announced = announcedBody(request, settings.maxBodyBytes);
      if (continues) response.writeContinue();
      const reading = readBody(request, announced, settings.maxBodyBytes);
      const body = reading instanceof Promise ? await reading : reading;
      const { method = 'GET', headers } = request;
      return handler({ method, headers, names, body, origin: originOf(request) });
    };
    const fail = (error: unknown): void => {
      if (error instanceof ClientGone) {
        response.destroy();
        return;
      }
      const failure = failureOf(error);
      if (failure.internal !== undefined) settings.onError(failure.internal);
      // What is left of the body would be taken for the next request.
      if (!request.complete) response.setHeader('Connection', 'close');
      send(request, response, printFailure(protocol, failure), compression);
    };
    answer()
      .then((done) => send(request, response, done, compression), fail)
      .catch(settings.onError);
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
  const [type, ...parameters] = (header ?? '').split(';');
  const name = type?.trim().toLowerCase();
  if (takes(name === '' ? undefined : name, parameters.join(';').trim())) return;
  throw new RequestError(415, `Content-Type: '${header}' is none that is taken here`);
}

/** With what the path began with where the handler is mounted, as Express tells it. */
const originOf = (request: IncomingMessage & { readonly baseUrl?: string }): string => {
  const { headers, socket, baseUrl = '' } = request;
  return `http://${headers.host ?? `localhost:${socket.localPort}`}${baseUrl}`;
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
