import type { IncomingMessage, ServerResponse } from 'node:http';

import { OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE, metricsText } from 'onlite/metrics';

import { allows, type Grant } from '../access';
import type { WatchState } from '../watch/watched-version';
import { serverFamilies, type Measured } from './families';
import { printFamilies, withoutModels } from './text';
import { tritonFamilies } from './triton';
import { watchFamilies } from './watch-families';

/** Whose names metrics have. */
export type MetricsNames = 'onlite' | 'triton' | 'both';

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

function textOf(
  measured: Measured,
  watched: readonly WatchState[],
  names: MetricsNames,
  isOpen: boolean,
): string {
  const end = isOpen ? '# EOF\n' : '';
  // OpenMetrics' counters end in `_total`, and Triton's do not.
  const triton = names === 'onlite' ? '' : printFamilies(tritonFamilies(measured.models), false);
  if (names === 'triton') return triton;
  const sessions = metricsText({ openMetrics: isOpen });
  const families = [...serverFamilies(measured), ...watchFamilies(watched)];
  const own = printFamilies(families, isOpen);
  return sessions.slice(0, sessions.length - end.length) + own + triton + end;
}

/** Where metrics are: TensorFlow Serving's path is the second. */
const PATHS = ['/metrics', '/monitoring/prometheus/metrics'];

/** All pages of them, by their paths. */
export const metricsPages = (measured: Measured, names: MetricsNames): Map<string, MetricsPage> => {
  const answer = metricsPage(measured, names);
  return new Map(PATHS.map((path) => [path, { needs: 'monitor', answer }]));
};

interface MetricsPage {
  readonly needs: 'monitor';
  readonly answer: ReturnType<typeof metricsPage>;
}

/**
 * The page of the metrics of sessions, which all threads share, and of the server's own. Who may monitor some
 * models alone is not told of others.
 */
function metricsPage(
  measured: Measured,
  names: MetricsNames,
): (
  request: IncomingMessage,
  response: ServerResponse,
  grant?: Grant,
) => Promise<void> | undefined {
  return (request, response, grant) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
      return undefined;
    }
    const isOpen = names === 'onlite' && prefersOpenMetrics(request.headers.accept);
    const answer = (watched: readonly WatchState[]): void => {
      const all = textOf(measured, watched, names, isOpen);
      const body =
        grant === undefined ? all : withoutModels(all, (model) => allows(grant, 'monitor', model));
      response.writeHead(200, {
        'Content-Type': isOpen ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE,
        'Content-Length': Buffer.byteLength(body),
        Vary: 'Accept',
      });
      response.end(body);
    };
    const watched = measured.watched();
    if (watched !== undefined) return watched.then(({ states }) => answer(states));
    answer([]);
    return undefined;
  };
}
