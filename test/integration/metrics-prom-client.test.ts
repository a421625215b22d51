import { InferenceSession } from 'onlite';
import { metricsText, registerWith } from 'onlite/metrics';
import { Counter, Registry } from 'prom-client';
import { expect, it } from 'vitest';

import { addFeeds, valueOf } from './metrics-support';
import { fixture } from './support';

const labels = { model: 'a"b', engine: 'onnxruntime', phase: 'total' };
const escaped = { ...labels, model: 'a\\"b' };

it('a registry has the metrics as they are when it is asked', async () => {
  await using session = await InferenceSession.create(fixture('add4.onnx'), { name: 'a"b' });
  const registry = new Registry();
  const remove = registerWith(registry, { buckets: [1e-6, 1], process: false });
  const count = async (): Promise<number> =>
    valueOf(await registry.metrics(), 'onlite_run_duration_seconds_count', escaped);
  expect(await count()).toBe(0);
  await session.run(addFeeds());
  expect(await count()).toBe(1);
  const theirs = await registry.metrics();
  const ours = metricsText({ buckets: [1e-6, 1], process: false });
  const samples = (text: string): string[] =>
    text.split('\n').filter((line) => line.startsWith('onlite_'));
  expect(samples(theirs)).toEqual(samples(ours));

  const json = await registry.getMetricsAsJSON();
  expect(json.find(({ name }) => name === 'onlite_runs_total')).toMatchObject({
    type: 'counter',
    aggregator: 'sum',
    values: [{ labels: { model: 'a"b', engine: 'onnxruntime' }, value: 1 }],
  });
  registry.resetMetrics();
  expect(await count()).toBe(1);
  remove();
  expect(await registry.metrics()).not.toContain('onlite');
});

it('merges, has default labels, and OpenMetrics', async () => {
  await using session = await InferenceSession.create(fixture('add4.onnx'), { name: 'merged' });
  session.runSync(addFeeds());
  const ours = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  ours.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const remove = registerWith(ours);
  const others = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  others.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  new Counter({ name: 'jobs_total', help: 'Jobs.', registers: [others] }).inc(3);
  // The declared parameter is of the text format's registries alone.
  const merged = Registry.merge([ours, others] as never[]);
  merged.setDefaultLabels({ app: 'test' });
  for (let time = 0; time < 2; time++) {
    const text = await merged.metrics();
    expect(text).toContain('# TYPE onlite_runs counter');
    expect(valueOf(text, 'onlite_runs_total', { model: 'merged', app: 'test' })).toBe(1);
    expect(valueOf(text, 'jobs_total')).toBe(3);
  }
  remove();
  expect(await ours.metrics()).toBe('\n# EOF\n');
});

it('refuses wrong options, and names that are taken, and leaves nothing behind', async () => {
  const registry = new Registry();
  expect(() => registerWith(registry, { buckets: [] })).toThrow(/options.buckets/);
  new Counter({ name: 'onlite_runs_rejected_total', help: 'Taken.', registers: [registry] });
  expect(() => registerWith(registry)).toThrow(/already been registered/);
  expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual([
    'onlite_runs_rejected_total',
  ]);
});
