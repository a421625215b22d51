// What /metrics says of models that are watched, beside what a watch of the same rows reports.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { createApiKey } from '@onlite/server';
import {
  ModelWatch,
  Profiler,
  writeProfile,
  type ReferenceProfile,
  type WatchReport,
} from 'onlite/watch';
import { beforeAll, describe, expect, it } from 'vitest';

import { findCommand } from '../../test/integration/metrics-support';
import { call, post, type Running } from './support';
import { temporaryFolder } from './versions-support';
import { serveWatched } from './watch-support';

const folder = temporaryFolder();
const file = join(folder, 'profile.json');
let profile: ReferenceProfile;

/** Rows of scores, of which the first changes half-way. */
const rowsOf = (count: number): number[][] =>
  Array.from({ length: count }, (_, index) => [
    ((index * 37) % 100) / 100,
    ((index * 61) % 100) / 100 + (index < count / 2 ? 0 : 0.4),
    0.3,
  ]);
const rows = rowsOf(400);
/** The class is the greatest score's; these are right as often as that is. */
const labelOf = (row: readonly number[], index: number): number =>
  index % 5 === 0 ? 2 : row.indexOf(Math.max(...row));

beforeAll(async () => {
  const profiler = new Profiler();
  for (const row of rowsOf(2000).slice(0, 1000)) {
    const features = Object.fromEntries(row.map((value, at) => [`x[${at}]`, value]));
    profiler.add(features, row.indexOf(Math.max(...row)));
  }
  profile = profiler.finish('categorical');
  await writeProfile(file, profile);
});

type Samples = Map<string, number>;

async function samples(port: number, headers: Record<string, string> = {}): Promise<Samples> {
  const { text } = await call(port, '/metrics', { headers });
  const found = [...text.matchAll(/^(onlite_watch_\w+\{.*\}) (\S+)$/gm)];
  return new Map(found.map(([, name, value]) => [name!, Number(value)]));
}

/** All requests and their labels, to a server and to a watch of our own. */
async function feed({ port }: Running): Promise<WatchReport & Pick<ModelWatch, 'bins'>> {
  const watch = await ModelWatch.open({ model: 'rows', version: '1', profile, sample: 1 });
  const wire = (row: readonly number[]) => [...Float32Array.from(row)];
  for (let from = 0; from < rows.length; from += 4) {
    const some = rows.slice(from, from + 4);
    const requestId = `r${from}`;
    const body = post({ instances: some.map(wire) }, { 'x-request-id': requestId });
    expect((await call(port, '/v1/models/rows:predict', body)).status).toBe(200);
    const x = { type: 'float32', dims: [4, 3], data: Float32Array.from(some.flat()) };
    watch.record({ inputs: { x }, outputs: { y: x }, requestId });
  }
  const labels = rows.map((row, index) => ({
    requestId: `r${index - (index % 4)}/${index % 4}`,
    label: labelOf(row, index),
  }));
  labels.push({ requestId: 'none', label: 1 });
  for (const { requestId, label } of labels) watch.label(requestId, label);
  const late = post(
    { instances: [rows[0]] },
    { 'x-request-timeout-ms': '0', 'x-request-id': 'late' },
  );
  expect((await call(port, '/v1/models/rows:predict', late)).status).toBe(504);
  await expect
    .poll(async () => (await samples(port)).get(`onlite_watch_requests_total${of()}`))
    .toBe(101);
  const told = await call(
    port,
    '/watch/models/rows/labels',
    post(labels, { 'content-type': 'application/json' }),
  );
  expect(told.text).toBe('{"joined":400,"unmatched":1,"unsampled":0}');
  return { ...watch.report(), bins: watch.bins };
}

const of = (more: Readonly<Record<string, string>> = {}): string => {
  const labels = Object.entries({ model: 'rows', version: '1', ...more });
  return `{${labels.map(([name, value]) => `${name}="${value}"`).join(',')}}`;
};

/** What the metrics have to be, by what a watch reports. */
function expectedOf(report: WatchReport & Pick<ModelWatch, 'bins'>): Samples {
  const expected: Samples = new Map();
  const set = (name: string, value: number, more?: Record<string, string>) =>
    expected.set(`onlite_watch_${name}${of(more)}`, value);
  // One has failed, which the other has not been told of.
  set('requests_total', report.requests + 1);
  set('rows_total', report.rows + 1);
  set('skipped_total', 0);
  for (const reason of ['busy', 'unread', 'log', 'journal', 'events']) {
    set('lost_total', 0, { reason });
  }
  set('errors_total', 1, { kind: 'ERR_TIMEOUT' });
  for (const fault of ['nan', 'infinite', 'saturated', 'constant'] as const) {
    set('outputs_total', report.outputs[fault], { fault });
  }
  for (const outcome of ['joined', 'unmatched', 'unsampled', 'expired'] as const) {
    set('labels_total', report.labels[outcome], { outcome });
  }
  set('labels_pending', 0);
  const { quality } = report.quality[0]!;
  if (quality.kind !== 'classification') throw new Error('expected classes');
  set('labelled_rows', quality.rows);
  set('accuracy', quality.accuracy);
  set('accuracy_interval', quality.accuracyInterval[0], { bound: 'low' });
  set('accuracy_interval', quality.accuracyInterval[1], { bound: 'high' });
  set('precision', quality.macro.precision);
  set('recall', quality.macro.recall);
  set('f1', quality.macro.f1);
  set('log_loss', quality.logLoss!);
  set('auc', quality.auc!);
  set('calibration_error', quality.calibrationError!);
  const drift = report.drift!;
  set('drift_rows', drift.rows);
  set('drifted_share', drift.driftedShare);
  for (const { name: feature, method, ...each } of [...drift.features, drift.predictions!]) {
    set('drift_score', each.value, { feature, method });
    set('drifted', Number(each.drifted), { feature });
    set('stability_index', each.stabilityIndex, { feature });
    set('missing_share', each.missing, { feature });
    set('out_of_range_share', each.outOfRange, { feature });
  }
  for (const { name: feature, bins, counts, reference } of report.bins) {
    for (const [index, bin] of bins.entries()) {
      set('feature_bin_total', counts[index]!, { feature, bin });
      set('feature_bin_reference', reference[index]!, { feature, bin });
    }
  }
  return expected;
}

describe('metrics of a model that is watched', () => {
  it.each(process.platform === 'linux' ? [1, 3] : [1])(
    'are what a watch reports of the same rows, with %i threads',
    async (workers) => {
      const running = await serveWatched({ profile: file, sample: 1 }, { workers });
      const report = await feed(running);
      expect(report.drift!.features.some(({ drifted }) => drifted)).toBe(true);
      const expected = expectedOf(report);
      // Threads are recorded in the order that they are heard in, which is not that of requests.
      if (workers > 1) expected.delete(`onlite_watch_outputs_total${of({ fault: 'constant' })}`);
      await expect
        .poll(async () => (await samples(running.port)).get(`onlite_watch_labelled_rows${of()}`))
        .toBe(400);
      for (let turn = 0; turn < 4; turn++) {
        const found = await samples(running.port);
        for (const [name, value] of expected)
          expect([name, found.get(name)]).toEqual([name, expect.closeTo(value, 9)]);
        if (workers === 1) expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
      }
      await running.server.close();
    },
  );

  it('say which alerts are active, as the log does', async () => {
    const lines: string[] = [];
    const line = (level: string) => (fields: object, message: string) =>
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const log = {
      ...{ debug: () => {}, info: line('info'), warn: line('warn'), error: line('error') },
      isLevelEnabled: () => true,
    };
    const alerts = { late: { measure: 'errorShare', above: 0.5, minRows: 3 } } as const;
    const { server, port } = await serveWatched({ alerts }, { log });
    const name = `onlite_watch_alert${of({ alert: 'late' })}`;
    await expect.poll(async () => (await samples(port)).get(name)).toBe(0);
    const ask = (headers: Record<string, string> = {}) =>
      call(port, '/v1/models/rows:predict', post({ instances: [[1, 2, 3]] }, headers));
    for (let turn = 0; turn < 3; turn++) await ask({ 'x-request-timeout-ms': '0' });
    await expect.poll(async () => (await samples(port)).get(name), { timeout: 10_000 }).toBe(1);
    for (let turn = 0; turn < 3; turn++) await ask();
    await expect.poll(async () => (await samples(port)).get(name), { timeout: 10_000 }).toBe(0);
    expect(lines.filter((each) => each.includes('late'))).toEqual([
      expect.stringMatching(/^warn rows version 1: late: errorShare is 1, above 0\.5 \{"model"/),
      expect.stringMatching(/^info rows version 1: late: errorShare is 0\.5, no more above 0\.5 /),
    ]);
    await server.close();
  });

  const promtool = findCommand('promtool');
  // In CI it is installed, so that its absence is a failure there.
  it.skipIf(promtool === undefined && process.env['CI'] === undefined)(
    'are what promtool has nothing to say about, and told to whom they concern',
    async () => {
      const other = createApiKey('other', ['infer', 'label', 'monitor:other']);
      const mine = createApiKey('mine', ['monitor:rows']);
      const running = await serveWatched(
        { profile: file, drift: { minRows: 1 } },
        { access: { keys: [other.key, mine.key] } },
      );
      const { port, server } = running;
      const headers = { 'x-api-key': other.text };
      const body = post({ instances: [[1, 2, 3]] }, headers);
      expect((await call(port, '/v1/models/rows:predict', body)).status).toBe(200);
      const asked = { 'x-api-key': mine.text };
      const name = `onlite_watch_drift_rows${of()}`;
      await expect.poll(async () => (await samples(port, asked)).get(name)).toBe(1);
      expect((await samples(port, headers)).size).toBe(0);
      const { text: input } = await call(port, '/metrics', { headers: asked });
      const env = { ...process.env, LD_PRELOAD: undefined };
      expect(execFileSync(promtool ?? '', ['check', 'metrics'], { input, env }).toString()).toBe(
        '',
      );
      await server.close();
    },
  );
});
