import {
  metricsOf,
  parametersOf,
  type PublishedMetric,
  type PublishedRun,
} from '../publish/published-run';
import type { ReportDocument, Span } from './document';

function spanMetrics(span: Span, step: number): PublishedMetric[] {
  const { time, rows, errors, latencyMs = {}, quality, drift = {} } = span;
  const named = (prefix: string, values: object): [string, number][] =>
    Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value as number]);
  const found = [
    ['rows', rows] as const,
    ...named('errors', errors),
    ...named('latency_ms', latencyMs),
    ...named('drift', drift),
    ...quality.map(({ version, accuracy, meanAbsoluteError }) => {
      const name = accuracy === undefined ? 'mean_absolute_error' : 'accuracy';
      return [`${name}/version ${version}`, accuracy ?? meanAbsoluteError] as const;
    }),
  ];
  return metricsOf(Object.fromEntries(found)).map((metric) => ({ ...metric, step, time }));
}

/** The run that TensorBoard and MLflow have of a model's history: a step for each span of time. */
export function publishedRuns(document: ReportDocument): PublishedRun[] {
  const { model, spans, spanMs, modelVersions, rows, labelled } = document;
  return [
    {
      name: model,
      parameters: parametersOf({
        model,
        versions: modelVersions.map(({ version }) => version).join(','),
        spanMs,
        rows: Math.round(rows),
        labelled,
      }),
      metrics: spans.flatMap(spanMetrics),
    },
  ];
}
