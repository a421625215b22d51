import type { IncomingMessage, ServerResponse } from 'node:http';

import { prefersOpenMetrics } from './accept';
import { collect } from './collect';
import { sampleGpus } from './gpus';
import { checkMetricsOptions, optionalPath, type MetricsOptions } from './options';
import { isError } from '../realms';
import { formatText, OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE } from './text';

/** Options of {@link createHandler}. */
export interface HandlerOptions extends MetricsOptions {
  /** Where the metrics are; anything else is 404. Default `'/metrics'`. */
  path?: string;
}

/** What `node:http`, Express and others call for each request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A request handler for `node:http` that answers GET and HEAD with the metrics, in
 * OpenMetrics' format if the client prefers that. An error is answered with 500 and no more;
 * what it was is emitted as a process warning.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown or wrong option.
 */
export function createHandler(options?: HandlerOptions): RequestHandler {
  const { metrics, all } = checkMetricsOptions(options, ['path']);
  const path = optionalPath(all, 'path') ?? '/metrics';

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (pathOf(request) !== path) {
      end(response, 404, 'not found\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      end(response, 405, 'method not allowed\n');
      return;
    }
    if (metrics.gpu) await sampleGpus();
    const openMetrics = prefersOpenMetrics(request.headers.accept);
    const body = formatText(collect(metrics), openMetrics);
    const type = openMetrics ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE;
    response.setHeader('Vary', 'Accept');
    end(response, 200, body, type);
  }

  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      process.emitWarning(isError(error) ? error : String(error), {
        type: 'OnliteWarning',
        code: 'ONLITE_METRICS_FAILED',
      });
      if (response.headersSent) response.destroy();
      else end(response, 500, 'internal server error\n');
    });
  };
}

let defaultHandler: RequestHandler | undefined;

/**
 * {@link createHandler} with its defaults: `http.createServer(handler)`, or called by a
 * server's own handler for `/metrics`.
 */
export function handler(request: IncomingMessage, response: ServerResponse): void {
  defaultHandler ??= createHandler();
  defaultHandler(request, response);
}

/** As the client asked for it: Express cuts off where a handler is mounted. */
function pathOf(request: IncomingMessage & { originalUrl?: unknown }): string {
  const url = typeof request.originalUrl === 'string' ? request.originalUrl : (request.url ?? '');
  const [path = ''] = url.split('?', 1);
  return path;
}

function end(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  // Node itself leaves the body of an answer to HEAD out.
  response.end(body);
}
