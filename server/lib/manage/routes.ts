import { ConfigError, printProblem, validate } from '../config';
import { RequestError } from '../wire/errors';
import { JSON_TYPE, jsonAnswer, type Body } from '../wire/request';
import type { Handler, Protocol, Route } from '../wire/route';
import type { ModelServer } from '../server';
import { OPERATIONS, isOperation, operate } from './operations';

/** The paths of management: `GET` shows, `POST` changes. */
export function management(server: Pick<ModelServer, 'manager' | 'config' | 'reload'>): Protocol {
  const { manager } = server;
  const get = (path: RegExp, handler: Handler): Route => ({
    path,
    methods: { GET: handler },
    needs: 'manage',
  });
  const post = (path: RegExp, handler: Handler): Route => ({
    path,
    methods: { POST: handler },
    needs: 'manage',
    // A page in a browser may send no such type elsewhere without asking first.
    takes: (type) => type === JSON_TYPE,
  });
  const change: Handler = async (request) => {
    const { model = '', operation = '' } = request.names;
    if (!isOperation(operation)) {
      throw new RequestError(404, `expected one of ${OPERATIONS.join(', ')}, got '${operation}'`);
    }
    const asked = readBody(request.body, operation);
    request.note(asked);
    await operate(manager, operation, model, asked);
    return jsonAnswer(manager.describe(model));
  };
  const reload: Handler = async () => {
    try {
      return jsonAnswer(await server.reload());
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new RequestError(400, error.message);
    }
  };
  return {
    name: 'management',
    owns: () => true,
    printError: ({ status, message }) => jsonAnswer({ error: message }, status),
    routes: [
      get(/^\/manage\/models\/?$/, (request) =>
        jsonAnswer({ models: manager.list().filter(({ name }) => request.allows(name)) }),
      ),
      get(/^\/manage\/models\/(?<model>[^/]+)$/, ({ names }) =>
        jsonAnswer(manager.describe(names['model'] ?? '')),
      ),
      get(/^\/manage\/config$/, () => jsonAnswer(server.config?.described ?? {})),
      post(/^\/manage\/models\/(?<model>[^/]+)\/(?<operation>[^/]+)$/, change),
      { ...post(/^\/manage\/reload$/, reload), ofAll: true },
    ],
  };
}

/** @throws RequestError 400 naming what is wrong */
function readBody(body: Body, operation: string): object {
  let value: unknown = {};
  try {
    if (body.length > 0) value = JSON.parse(body.bytes().toString('utf8'));
  } catch (error) {
    throw new RequestError(400, `the body is no JSON: ${(error as Error).message}`);
  }
  const problems = validate('management', value, '', `#/properties/${operation}`);
  if (problems.length === 0) return value as object;
  throw new RequestError(400, problems.map(printProblem).join('; '));
}
