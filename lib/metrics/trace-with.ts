import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { checkOptions, optionalChoice } from '../checks';
import { invalidArgument } from '../errors';
import { isError } from '../realms';
import { phases as allPhases } from '../engine/latency/latency';
import { runChannel, type RunMessage } from '../engine/run/run-channel';
import { openTelemetryApi, type OpenTelemetryApi } from './open-telemetry';
import { packageVersion } from '../package';

/** What is used of an OpenTelemetry tracer. */
export interface TracerLike {
  startSpan(name: string, options?: never, context?: never): unknown;
}

/** Options of {@link traceWith}. */
export interface TraceOptions {
  /**
   * What becomes of the phases: spans below the run's, events of it, or nothing. Default
   * `'spans'`, which needs `@opentelemetry/api` to be installed.
   */
  phases?: 'spans' | 'events' | 'none';
}

/** Seconds and nanoseconds since 1970. */
type HrTime = [seconds: number, nanoseconds: number];

interface Span {
  addEvent(name: string, attributes: Record<string, number>, time: HrTime): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: Error, time: HrTime): void;
  end(time: HrTime): void;
}

interface Tracer {
  startSpan(
    name: string,
    options: { startTime: HrTime; attributes?: Record<string, string | number | boolean> },
    context?: unknown,
  ): Span;
}

/** SpanStatusCode.ERROR of `@opentelemetry/api`. */
const errorStatus = 2;

const choices = new Map<string, 'spans' | 'events' | 'none'>([
  ['spans', 'spans'],
  ['events', 'events'],
  ['none', 'none'],
]);
const keys: ReadonlySet<string> = new Set<keyof TraceOptions>(['phases']);

/**
 * Makes an OpenTelemetry span `onlite.run` of each run of this thread, as a child of the span
 * that was active where the run was asked for, with the times that were measured natively.
 * The phases follow each other from the span's start; what is left at its end is the wait
 * for the event loop to take the result.
 *
 * @param tracer - by default one of the provider that is registered with `@opentelemetry/api`
 * @returns ends it; runs cost nothing more then
 * @throws OnliteError ERR_UNSUPPORTED if that package is needed and not installed,
 *   ERR_INVALID_ARGUMENT for an unknown or wrong option.
 */
export function traceWith(tracer?: TracerLike, options?: TraceOptions): () => void {
  const checked = checkOptions(options, 'options', keys);
  const phases = optionalChoice(checked, 'phases', 'options', choices) ?? 'spans';
  const api = tracer === undefined || phases === 'spans' ? openTelemetryApi() : undefined;
  const used = (tracer ??
    api?.trace.getTracerProvider().getTracer('onlite', packageVersion)) as Tracer;
  if (typeof (used as Partial<Tracer> | undefined)?.startSpan !== 'function') {
    throw invalidArgument('tracer', 'a Tracer of OpenTelemetry', used);
  }
  const onRun = (data: unknown): void => {
    traceRun(data as RunMessage, used, phases, api);
  };
  const { name } = runChannel;
  subscribe(name, onRun);
  return () => {
    unsubscribe(name, onRun);
  };
}

function traceRun(
  run: RunMessage,
  tracer: Tracer,
  how: 'spans' | 'events' | 'none',
  api: OpenTelemetryApi | undefined,
): void {
  const at = (nanoseconds: number): HrTime => timeAt(run.startTime, nanoseconds);
  const span = tracer.startSpan('onlite.run', { startTime: at(0), attributes: attributesOf(run) });
  const children =
    how === 'spans' && api !== undefined
      ? api.trace.setSpan(api.context.active() as never, span as never)
      : undefined;
  let start = 0;
  for (const phase of allPhases) {
    const nanoseconds = run.phases[phase];
    if (nanoseconds === undefined || phase === 'total') continue;
    if (children !== undefined) {
      tracer
        .startSpan(`onlite.${phase}`, { startTime: at(start) }, children)
        .end(at(start + nanoseconds));
    } else if (how === 'events') {
      span.addEvent(`onlite.${phase}`, { 'onlite.duration_ns': nanoseconds }, at(start));
    }
    start += nanoseconds;
  }
  const end = at(run.phases.total ?? 0);
  if (run.outcome !== 'success') {
    span.setStatus({ code: errorStatus, ...(run.code === undefined ? {} : { message: run.code }) });
    if (isError(run.error)) span.recordException(run.error, end);
  }
  span.end(end);
}

function attributesOf(run: RunMessage): Record<string, string | number | boolean> {
  return {
    'onlite.model': run.model,
    'onlite.engine': run.engine,
    'onlite.sync': run.sync,
    ...(run.batchSize === undefined ? {} : { 'onlite.batch_size': run.batchSize }),
    ...(run.code === undefined ? {} : { 'error.type': run.code }),
  };
}

/** A double of milliseconds since 1970 is good for a quarter of a microsecond alone. */
function timeAt(startTime: number, nanoseconds: number): HrTime {
  const seconds = Math.floor(startTime / 1000);
  const rest = Math.round((startTime - seconds * 1000) * 1e6) + nanoseconds;
  return [seconds + Math.floor(rest / 1e9), rest % 1e9];
}
