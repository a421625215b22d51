/**
 * What all sessions do, for Prometheus, prom-client and OpenTelemetry. Neither of the latter
 * is loaded before it is used.
 *
 * Each run is also published on `diagnostics_channel.channel('onlite:run')` as a
 * {@link RunMessage}, with or without this module; that costs nothing while nobody listens.
 *
 * @packageDocumentation
 */
export {
  metricsText,
  OPENMETRICS_CONTENT_TYPE,
  PROMETHEUS_CONTENT_TYPE,
  type MetricsTextOptions,
} from './text';
export { createHandler, handler, type HandlerOptions, type RequestHandler } from './handler';
export { registerWith, type PromClientRegistry } from './prom-client';
export { observeWith, type ObserveOptions } from './observe-with';
export { type MeterProviderLike } from './open-telemetry';
export { traceWith, type TraceOptions, type TracerLike } from './trace-with';
export { EventLoopDelay, type EventLoopDelayOptions } from './event-loop-delay';
export { type MetricsOptions } from './options';
export { type RunMessage } from '../engine/run/run-channel';
