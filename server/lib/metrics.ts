import type { IncomingMessage, ServerResponse } from 'node:http';

import {
  OPENMETRICS_CONTENT_TYPE,
  PROMETHEUS_CONTENT_TYPE,
  createHandler,
  metricsText,
} from 'onlite/metrics';

import type { ModelRepository, ServedModel } from './models';
import { escaped, versionsText } from './version-metrics';

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly value: (model: ServedModel) => number;
}

const families: readonly Family[] = [
  {
    name: 'onlite_server_requests_total',
    type: 'counter',
    help: 'Requests that were answered with outputs.',
    value: ({ statistics }) => statistics.success.count,
  },
  {
    name: 'onlite_server_requests_failed_total',
    type: 'counter',
    help: 'Requests whose run failed.',
    value: ({ statistics }) => statistics.fail.count,
  },
  {
    name: 'onlite_server_inline_threads',
    type: 'gauge',
    help: "Threads of the server that make the model's runs themselves.",
    value: ({ statistics }) => statistics.inline.threads,
  },
  {
    name: 'onlite_server_inline_runs_total',
    type: 'counter',
    help: 'Runs that were made on the thread that answers the request.',
    value: ({ statistics }) => statistics.inline.runs,
  },
  {
    name: 'onlite_server_inline_changes_total',
    type: 'counter',
    help: 'How often a thread has begun to make runs itself, or ended that.',
    value: ({ statistics }) => statistics.inline.changes,
  },
];

/** What the server knows beside the sessions, of all its threads. */
function ownText(models: ModelRepository, isOpen: boolean): string {
  const loaded = models.all().flatMap(({ model }) => model ?? []);
  let text = '';
  for (const { name, type, help, value } of families) {
    const family = isOpen ? name.replace(/_total$/, '') : name;
    text += `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
    for (const model of loaded) {
      text += `${name}{model="${escaped(model.name)}",version="${model.version}"} ${value(model)}\n`;
    }
  }
  return text + versionsText(models, isOpen);
}

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
    const body = sessions.slice(0, sessions.length - end.length) + ownText(models, isOpen) + end;
    response.writeHead(200, {
      'Content-Type': isOpen ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE,
      'Content-Length': Buffer.byteLength(body),
      Vary: 'Accept',
    });
    response.end(body);
  };
}
