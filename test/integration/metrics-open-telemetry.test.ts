import { context, metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { InferenceSession } from 'onlite';
import { observeWith, traceWith } from 'onlite/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { addFeeds } from './metrics-support';
import { errorOf, fixture } from './support';

describe('metrics', () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e8 });
  const provider = new MeterProvider({ readers: [reader] });
  afterAll(() => provider.shutdown());

  async function read(): Promise<Map<string, MetricData>> {
    exporter.reset();
    await provider.forceFlush();
    const all = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics: list }) => list));
    return new Map(all.map((metric) => [metric.descriptor.name, metric]));
  }
  const point = (metric: MetricData | undefined, attributes: object): unknown =>
    metric?.dataPoints.find((data) =>
      Object.entries(attributes).every(([key, value]) => data.attributes[key] === value),
    )?.value;

  it('are observed when they are read', async () => {
    await using session = await InferenceSession.create(fixture('add4.onnx'), { name: 'observed' });
    const stop = observeWith(provider, { eventLoopDelay: true });
    for (let run = 0; run < 5; run++) await session.run(addFeeds());
    const read1 = await read();
    const model = { model: 'observed', engine: 'onnxruntime' };
    expect(point(read1.get('onlite.runs'), model)).toBe(5);
    expect(point(read1.get('onlite.runs.in_flight'), model)).toBe(0);
    const { total } = session.latency;
    const duration = read1.get('onlite.run.duration');
    expect(duration?.descriptor.unit).toBe('s');
    const p50 = point(duration, { ...model, phase: 'total', quantile: 0.5 }) as number;
    expect(p50).toBe(total.percentile(50) / 1e9);
    expect(point(read1.get('onlite.run.time'), { ...model, phase: 'total' })).toBeCloseTo(
      (total.snapshot().mean * 5) / 1e9,
      5,
    );
    expect(point(read1.get('onlite.resident.memory'), {})).toBeGreaterThan(1e6);
    expect(point(read1.get('onlite.cpu.time'), { mode: 'user' })).toBeGreaterThan(0);
    expect(point(read1.get('onlite.event_loop.delay'), { quantile: 0.99 })).toBeTypeOf('number');
    await session.run(addFeeds());
    expect(point((await read()).get('onlite.runs'), model)).toBe(6);
    stop();
  });

  it('have a histogram of the runs when asked for', async () => {
    await using session = await InferenceSession.create(fixture('add4.onnx'), { name: 'each' });
    const other = new MeterProvider({ readers: [] });
    await other.shutdown();
    metrics.setGlobalMeterProvider(provider);
    const stop = observeWith(undefined, { histogram: true, gpu: false });
    await session.run(addFeeds());
    session.runSync(addFeeds());
    stop();
    await session.run(addFeeds());
    const value = point((await read()).get('onlite.run.duration'), {
      model: 'each',
      phase: 'total',
    });
    expect(value).toMatchObject({ count: 2 });
    metrics.disable();
  });
});

describe('traces', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const manager = new AsyncLocalStorageContextManager();
  const tracer = provider.getTracer('test');
  const nanoseconds = ({ duration }: ReadableSpan): number => duration[0] * 1e9 + duration[1];
  const take = (): ReadableSpan[] => {
    const spans = exporter.getFinishedSpans();
    exporter.reset();
    return spans;
  };
  beforeAll(() => {
    context.setGlobalContextManager(manager.enable());
    trace.setGlobalTracerProvider(provider);
  });
  afterAll(async () => {
    context.disable();
    trace.disable();
    await provider.shutdown();
  });

  it.each(['add4.onnx', 'add4.tflite'])('%s: phases are spans below the run', async (file) => {
    await using session = await InferenceSession.create(fixture(file));
    const stop = traceWith();
    await tracer.startActiveSpan('request', async (request) => {
      await session.run(addFeeds());
      request.end();
    });
    stop();
    await session.run(addFeeds());
    const spans = take();
    expect(spans.map(({ name }) => name)).toEqual([
      'onlite.queue',
      'onlite.bind',
      'onlite.invoke',
      'onlite.fetch',
      'onlite.run',
      'request',
    ]);
    const run = spans[4]!;
    const request = spans[5]!;
    expect(run.parentSpanContext?.spanId).toBe(request.spanContext().spanId);
    for (const phase of spans.slice(0, 4)) {
      expect(phase.parentSpanContext?.spanId).toBe(run.spanContext().spanId);
    }
    expect(run.attributes).toEqual({
      'onlite.model': 'add4',
      'onlite.engine': session.engine,
      'onlite.sync': false,
    });
    const first = session.latency.total.snapshot();
    expect(nanoseconds(run)).toBeGreaterThanOrEqual(first.min * 0.99);
    expect(nanoseconds(run)).toBeLessThanOrEqual(first.max * 1.01);
    const sum = spans.slice(0, 4).reduce((total, span) => total + nanoseconds(span), 0);
    expect(sum).toBeLessThanOrEqual(nanoseconds(run));
    expect(spans[1]!.startTime).toEqual(spans[0]!.endTime);
  });

  it('phases are events, or nothing; a failure is the status', async () => {
    await using session = await InferenceSession.create(fixture('add4.onnx'));
    const stopEvents = traceWith(tracer, { phases: 'events' });
    await session.run(addFeeds());
    session.runSync(addFeeds());
    stopEvents();
    const [asynchronous, synchronous, ...more] = take();
    expect(more).toEqual([]);
    const names = (span: ReadableSpan | undefined): string[] =>
      span!.events.map(({ name }) => name);
    expect(names(asynchronous)).toEqual([
      'onlite.queue',
      'onlite.bind',
      'onlite.invoke',
      'onlite.fetch',
    ]);
    expect(names(synchronous)).toEqual(['onlite.invoke']);

    const stop = traceWith(tracer, { phases: 'none' });
    const cancel = new AbortController();
    const run = session.run(addFeeds(), { signal: cancel.signal });
    cancel.abort();
    const error = await errorOf(() => run);
    stop();
    const [span] = take();
    expect(span!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'ERR_CANCELLED' });
    expect(span!.attributes['error.type']).toBe('ERR_CANCELLED');
    expect(span!.events.map(({ attributes }) => attributes?.['exception.message'])).toEqual([
      error.message,
    ]);
    expect(() => traceWith(tracer, { phases: 'some' as 'none' })).toThrow(/options.phases/);
  });
});
