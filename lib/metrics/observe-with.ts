import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { optionalBoolean } from '../checks';
import { invalidArgument } from '../errors';
import { phases } from '../engine/latency/latency';
import { runChannel, type RunMessage } from '../engine/run/run-channel';
import { allFamilies, collect } from './collect';
import type { MetricFamily } from './families';
import { sampleGpus } from './gpus';
import { openTelemetryApi, type MeterProviderLike } from './open-telemetry';
import { checkMetricsOptions, type MetricsOptions } from './options';
import { sessionGroups, type SessionGroup } from './sessions';
import { packageVersion } from '../package';

/** Options of {@link observeWith}. */
export interface ObserveOptions extends Omit<MetricsOptions, 'buckets' | 'batchBuckets'> {
  /**
   * Record each run in a Histogram instrument instead of giving percentiles: the SDK's
   * aggregation and views apply, but each run is told of in JavaScript, which takes
   * microseconds. Default false.
   */
  histogram?: boolean;
}

interface Instrument {
  record(value: number, attributes: Attributes): void;
}
type Observable = object;
type Attributes = Readonly<Record<string, string | number>>;
interface Observer {
  observe(instrument: Observable, value: number, attributes: Attributes): void;
}
type Callback = (observer: Observer) => void | Promise<void>;
interface Description {
  readonly description: string;
  readonly unit: string;
}
interface Meter {
  createObservableCounter(name: string, options: Description): Observable;
  createObservableGauge(name: string, options: Description): Observable;
  createHistogram(name: string, options: Description): Instrument;
  addBatchObservableCallback(callback: Callback, observables: Observable[]): void;
  removeBatchObservableCallback(callback: Callback, observables: Observable[]): void;
}

const quantiles = [0.5, 0.9, 0.95, 0.99, 0.999] as const;

/**
 * Gives the metrics to OpenTelemetry, as observable instruments: `onlite.runs`,
 * `onlite.queue.depth`, … after the names of {@link metricsText}.
 *
 * OpenTelemetry has no observable histogram, so a run's time is the gauge
 * `onlite.run.duration` by `phase` and `quantile` (of all runs so far) with the counter
 * `onlite.run.time` of its sum; see {@link ObserveOptions.histogram} for the other way.
 *
 * @param provider - by default the one that is registered with `@opentelemetry/api`
 * @returns ends it
 * @throws OnliteError ERR_UNSUPPORTED without a provider and without that package,
 *   ERR_INVALID_ARGUMENT for an unknown or wrong option.
 */
export function observeWith(provider?: MeterProviderLike, options?: ObserveOptions): () => void {
  const { metrics, all } = checkMetricsOptions(options, ['histogram']);
  const histogram = optionalBoolean(all, 'histogram', 'options') ?? false;
  const source = provider ?? openTelemetryApi().metrics.getMeterProvider();
  if (typeof (source as Partial<MeterProviderLike>).getMeter !== 'function') {
    throw invalidArgument('provider', 'a MeterProvider of OpenTelemetry', source);
  }
  const meter = source.getMeter('onlite', packageVersion) as Meter;
  const observables = new Map<string, Observable>();
  const create = (name: string, type: MetricFamily['type'], help: Description): void => {
    const make = type === 'counter' ? 'createObservableCounter' : 'createObservableGauge';
    observables.set(name, meter[make](name, help));
  };
  for (const { name, type, help } of allFamilies) {
    if (type !== 'histogram')
      create(instrumentName(name), type, { description: help, unit: unitOf(name) });
  }
  create('onlite.run.time', 'counter', { description: 'Time of all runs.', unit: 's' });
  const duration: Description = { description: 'Time of the runs that succeeded.', unit: 's' };
  if (!histogram) create('onlite.run.duration', 'gauge', duration);
  const { eventLoopDelay } = metrics;
  if (eventLoopDelay !== undefined) {
    const description = 'How late a timer of the event loop fired, at quantiles.';
    create('onlite.event_loop.delay', 'gauge', { description, unit: 's' });
  }

  const callback: Callback = async (observer) => {
    if (metrics.gpu) await sampleGpus();
    const observe = (name: string, value: number, attributes: Attributes): void => {
      const observable = observables.get(name);
      if (observable !== undefined) observer.observe(observable, value, attributes);
    };
    for (const family of collect(metrics)) {
      if (family.type === 'histogram') continue;
      const name = instrumentName(family.name);
      for (const { labels, value } of family.samples) observe(name, value, labels);
    }
    for (const group of sessionGroups()) observeTimes(group, observe);
    for (const quantile of eventLoopDelay === undefined ? [] : quantiles) {
      const delay = eventLoopDelay?.histogram.percentile(100 * quantile) ?? 0;
      observe('onlite.event_loop.delay', delay / 1e9, { quantile });
    }
  };
  const list = [...observables.values()];
  meter.addBatchObservableCallback(callback, list);
  const stopRecording = histogram
    ? recordRuns(meter.createHistogram('onlite.run.duration', duration))
    : undefined;
  return () => {
    meter.removeBatchObservableCallback(callback, list);
    stopRecording?.();
  };
}

/** `onlite_runs_total` is `onlite.runs`, `onlite_cpu_seconds_total` is `onlite.cpu.time`. */
function instrumentName(name: string): string {
  const base = name
    .replace(/_total$/, '')
    .replace(/_(bytes|ratio)$/, '')
    .replace(/_seconds$/, '_time');
  // Two levels of names; the rest is one name of several words.
  return base.replace('_', '.').replace('_', '.');
}

/** As the Unified Code for Units of Measure has it. */
function unitOf(name: string): string {
  if (name.includes('_bytes')) return 'By';
  if (name.includes('_seconds')) return 's';
  return name.includes('_ratio') ? '1' : `{${name.includes('sessions') ? 'session' : 'run'}}`;
}

function observeTimes(
  { model, engine, totals }: SessionGroup,
  observe: (name: string, value: number, attributes: Attributes) => void,
): void {
  for (const phase of phases) {
    const counts = totals.phases[phase];
    const attributes = { model, engine, phase };
    observe('onlite.run.time', counts.toClassic([]).sum, attributes);
    for (const quantile of counts.count === 0 ? [] : quantiles) {
      const value = counts.quantile(quantile) / 1e9;
      observe('onlite.run.duration', value, { ...attributes, quantile });
    }
  }
}

function recordRuns(instrument: Instrument): () => void {
  const record = (data: unknown): void => {
    const { model, engine, phases: times, outcome } = data as RunMessage;
    if (outcome !== 'success') return;
    for (const [phase, nanoseconds] of Object.entries(times)) {
      instrument.record(nanoseconds / 1e9, { model, engine, phase });
    }
  };
  const { name } = runChannel;
  subscribe(name, record);
  return () => {
    unsubscribe(name, record);
  };
}
