import type { IncomingMessage, ServerResponse } from 'node:http';

import { ALL_MODELS, type Action, type Grant } from '../access';
import { COUNTED_FROM, type BodyBudget, type BodyShare } from '../body-budget';
import type { Change } from '../observe/observed-request';
import type { Observer } from '../observe/observer';
import { GONE } from '../observe/outcome';
import { printTraceparent } from '../logs/trace-context';
import { Overloaded } from '../models';
import { RequestError, failureOf, type WireFailure } from '../wire/errors';
import { jsonAnswer, type Body, type WireAnswer } from '../wire/request';
import type { Handler, Method, Protocol, Route } from '../wire/route';
import type { Admit } from './admission';
import { HttpRequest, deadlineOf } from './http-request';
import { lingerAfter } from './linger';
import type { RouteTable } from './paths';
import { ClientGone, announcedBody, readBody, throwAway, type AnnouncedBody } from './read-body';
import { refusedWith } from './refusals';
import { send } from './send';
import { together } from './together';

/** Answers what is none of a protocol's paths. */
export interface Page {
  readonly needs: 'nothing' | Action;
  /** @param grant - what its caller may see; undefined where nobody was asked who calls */
  readonly answer: (
    request: IncomingMessage,
    response: ServerResponse,
    grant: Grant | undefined,
  ) => Promise<void> | undefined;
}

/** What the handler of requests is made with. */
export interface HandlerSettings {
  readonly routes: RouteTable;
  readonly maxBodyBytes: number;
  /** Whether answers are compressed for clients that ask for it. */
  readonly compression: boolean;
  /** One of `Transport`. */
  readonly transport: number;
  /** Told of all requests. */
  readonly observer: Observer;
  /** Paths that are none of a protocol's, such as `/metrics`. */
  readonly pages: ReadonlyMap<string, Page>;
  /** Nobody else reads the requests, as a service may that the models are mounted in. */
  readonly isOwner: boolean;
  /** Has room for bodies; undefined where none is large. */
  readonly bodies: BodyBudget | undefined;
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
  const { routes, pages, compression, maxBodyBytes, isOwner, admit, observer } = settings;
  return (request, response, continues = false) => {
    const seen = observer.begin(new HttpRequest(request, response, settings.transport));
    const { url, path } = seen;
    let share: BodyShare | undefined;
    let making: Promise<WireAnswer> | undefined;
    /** The connection is kept though nothing of the body was read. */
    let mayLeave = false;
    const succeed = (answer: WireAnswer): void => finish(answer, undefined);
    const finish = (answer: WireAnswer, error: unknown): void => {
      observer.end(seen, response.destroyed ? GONE : answer.status, error);
      together(() => {
        try {
          if (settings.isClosing()) response.shouldKeepAlive = false;
          nameRequest(response, seen, answer.status);
          send(request, response, answer, compression);
        } catch (failure) {
          settings.onError(failure);
          response.destroy();
        }
      });
    };
    const fail = (error: unknown): void => {
      if (error instanceof ClientGone) {
        observer.end(seen, refusedWith(request) ?? GONE);
        response.destroy();
        return;
      }
      const failure = failureOf(error);
      if (failure.internal !== undefined) settings.onError(failure.internal);
      // What is left of the body would be taken for the next request.
      const isKept = mayLeave && response.shouldKeepAlive && !settings.isClosing();
      if (isKept && error instanceof Overloaded) throwAway(request, isOwner);
      else if (!request.complete) {
        response.setHeader('Connection', 'close');
        lingerAfter(request);
      }
      const protocol = seen.found?.protocol ?? routes.ownerOf(path);
      finish(printFailure(protocol, failure), error);
    };
    const handle = (handler: Handler, body: Body): void => {
      let answer: WireAnswer | Promise<WireAnswer>;
      seen.body = body;
      try {
        const span = observer.enter(seen);
        answer = span === undefined ? handler(seen) : span.within(() => handler(seen));
      } catch (error) {
        fail(error);
        return;
      } finally {
        observer.leave();
        body.release();
      }
      if (answer instanceof Promise) {
        making = answer;
        answer.then(succeed, fail).catch(settings.onError);
      } else succeed(answer);
    };
    const beforeBody = (seen: HttpRequest, route: Route): void => {
      if (route.beforeBody === undefined) return;
      try {
        observer.enter(seen);
        route.beforeBody(seen);
      } finally {
        observer.leave();
      }
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
        admitted(admit(seen, needs, undefined), () => {
          const done = (): void => observer.end(seen, response.statusCode);
          const answering = answer(request, response, seen.grant);
          if (answering === undefined) done();
          else answering.then(done, fail);
        });
        return;
      }
      const found = routes.find(url);
      if (found === undefined) throw unknownPath(routes.ownerOf(path), path);
      seen.isFor(found);
      const { route, names } = found;
      if (route.needs === 'manage') seen.change = changeOf(seen);
      const handler = route.methods[methodOf(request, route)];
      if (handler === undefined) throw wrongMethod(request, route);
      checkType(request, route);
      seen.deadline = deadlineOf(request.headers);
      const announced = announcedBody(request, maxBodyBytes);
      const model = route.ofAll === true ? ALL_MODELS : (names['model'] ?? settings.onlyModel());
      admitted(admit(seen, route.needs ?? 'infer', model), () => {
        if (seen.deadline !== undefined && !announced.isEmpty) {
          mayLeave =
            !continues && announced.length !== undefined && announced.length <= LEFT_UNREAD;
          beforeBody(seen, route);
          mayLeave = false;
        }
        if (continues) response.writeContinue();
        share = isCounted(announced)
          ? settings.bodies?.share(model ?? '', announced.length, seen.deadline)
          : undefined;
        if (share !== undefined) releaseAfter(response, share, () => making);
        const done = (body: Body): void => handle(handler, body);
        readBody(request, announced, maxBodyBytes, share, isOwner, done, fail);
      });
    } catch (error) {
      fail(error);
    }
  };
}

/** What a request is known by is told whoever has named it, and whoever will ask what went wrong. */
function nameRequest(response: ServerResponse, seen: HttpRequest, status: number): void {
  const { headers } = seen;
  if (headers['x-request-id'] !== undefined || status >= 500 || seen.isNamed) {
    response.setHeader('X-Request-Id', seen.requestId);
  }
  if (headers['traceparent'] === undefined) return;
  const { trace, spanId } = seen.identity;
  if (trace !== undefined) response.setHeader('traceresponse', printTraceparent(trace, spanId));
}

/** By the end of its path, as in `/manage/models/sum/pin`. */
function changeOf({ method, path, found }: HttpRequest): Change {
  const { operation = path.slice(path.lastIndexOf('/') + 1), model } = found?.names ?? {};
  const isRead = method === 'GET' || method === 'HEAD';
  return {
    operation: isRead ? 'read' : operation.slice(0, MOST_LETTERS),
    model: model?.slice(0, MOST_LETTERS),
  };
}

/** Of what a client has written, in a line of the log. */
const MOST_LETTERS = 200;

/** A body of so many bytes costs less to throw away than another connection would. */
const LEFT_UNREAD = 1 << 20;

/** Bodies that are large, or may turn out to be. */
const isCounted = ({ length, encoding }: AnnouncedBody): boolean =>
  length === undefined || length >= COUNTED_FROM || encoding !== undefined;

/**
 * Gives back what a request has taken once its answer was sent, which holds as much memory, or never will be. A run
 * that nobody waits for any more may still have it.
 */
function releaseAfter(
  response: ServerResponse,
  share: BodyShare,
  making: () => Promise<unknown> | undefined,
): void {
  const release = (): void => share.release();
  const over = (): void => {
    const answer = making();
    if (answer === undefined) release();
    else answer.then(release, release);
  };
  response.once('finish', over);
  response.once('close', over);
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

function printFailure(protocol: Protocol | undefined, failure: WireFailure): WireAnswer {
  const answer =
    protocol === undefined
      ? jsonAnswer({ error: failure.message }, failure.status)
      : protocol.printError(failure);
  return failure.headers === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, ...failure.headers } };
}
