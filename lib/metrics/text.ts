import { optionalBoolean } from '../checks';
import { collect } from './collect';
import type { Labels, MetricFamily } from './families';
import { sampleGpus } from './gpus';
import { checkMetricsOptions, type MetricsOptions } from './options';

/** Options of {@link metricsText}. */
export interface MetricsTextOptions extends MetricsOptions {
  /** OpenMetrics 1.0 instead of Prometheus' text format 0.0.4. Default false. */
  openMetrics?: boolean;
}

/** The `Content-Type` of {@link metricsText}. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** The `Content-Type` of {@link metricsText} with `openMetrics`. */
export const OPENMETRICS_CONTENT_TYPE =
  'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * The metrics of all sessions of this thread (each worker has its own) and of the process, in
 * Prometheus' text format.
 *
 * Counters and histograms go on from a session that was released or forgotten to the next of
 * the same name, and over `session.latency.reset()`; they count from when `onlite/metrics` was
 * loaded first, but for sessions that there were then. The GPUs are as they were when the
 * metrics were asked for the last time; {@link handler} waits for fresh ones.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown or wrong option.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metricsText(options?: MetricsTextOptions): string {
  const { metrics, all } = checkMetricsOptions(options, ['openMetrics']);
  const openMetrics = optionalBoolean(all, 'openMetrics', 'options') ?? false;
  if (metrics.gpu) void sampleGpus();
  return formatText(collect(metrics), openMetrics);
}

/** Families without samples are left out. */
export function formatText(families: readonly MetricFamily[], openMetrics: boolean): string {
  const lines: string[] = [];
  for (const family of families) {
    if (family.samples.length > 0) appendFamily(lines, family, openMetrics);
  }
  if (openMetrics) lines.push('# EOF');
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function appendFamily(lines: string[], family: MetricFamily, openMetrics: boolean): void {
  const { name, type, help, samples } = family;
  // OpenMetrics names a counter's family without the suffix that its samples have.
  const familyName = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
  lines.push(`# HELP ${familyName} ${openMetrics ? escapeLabel(help) : escapeHelp(help)}`);
  lines.push(`# TYPE ${familyName} ${type}`);
  // A histogram's samples share their labels.
  let shared: Labels | undefined;
  let text = '';
  for (const { suffix = '', labels, le, value } of samples) {
    if (labels !== shared) text = formatLabels(labels);
    shared = labels;
    const edge = le === undefined ? '' : `le="${formatEdge(le, openMetrics)}"`;
    const all = text === '' || edge === '' ? text + edge : `${text},${edge}`;
    lines.push(`${name}${suffix}${all === '' ? '' : `{${all}}`} ${formatNumber(value)}`);
  }
}

function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

function formatNumber(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

/** OpenMetrics has edges as floats, so that 1 and 1.0 are not two. */
function formatEdge(edge: number, openMetrics: boolean): string {
  const text = formatNumber(edge);
  return openMetrics && /^\d+$/.test(text) ? `${text}.0` : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
