import type { IncomingMessage, ServerResponse } from 'node:http';

import {
  OPENMETRICS_CONTENT_TYPE,
  PROMETHEUS_CONTENT_TYPE,
  createHandler,
  metricsText,
} from 'onlite/metrics';

import type { ModelRepository } from './models';
import { serverText } from './server-metrics';

/** As Prometheus asks: by the weights of the types. */
function prefersOpenMetrics(accept = ''): boolean {
  const weights = new Map<string, number>();
  for (const item of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = item.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const weight = q === undefined ? 1 : Number(q) || 0;
    weights.set(type, Math.max(weights.get(type) ?? 0, weight));
  }
  const open = weights.get('application/openmetrics-text') ?? 0;
  return open > 0 && open >= (weights.get('text/plain') ?? weights.get('*/*') ?? 0);
}

/** The page of the metrics of sessions, which all threads share, and of the server's own. */
export function metricsPage(
  models: ModelRepository,
): (request: IncomingMessage, response: ServerResponse) => void {
  const others = createHandler();
  return (request, response) => {
    if (request.method !== 'GET') {
      others(request, response);
      return;
    }
    const isOpen = prefersOpenMetrics(request.headers.accept);
    const sessions = metricsText({ openMetrics: isOpen });
    const end = isOpen ? '# EOF\n' : '';
    const body = sessions.slice(0, sessions.length - end.length) + serverText(models, isOpen) + end;
    response.writeHead(200, {
      'Content-Type': isOpen ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE,
      'Content-Length': Buffer.byteLength(body),
      Vary: 'Accept',
    });
    response.end(body);
  };
}
