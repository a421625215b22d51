import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readNpz } from '../../../lib/formats/npy';
import { FeatureReader, Profiler, watch } from '../../../lib/watch';
import type { ReferenceProfile, WatchedSession } from '../../../lib/watch';

const digits = join(import.meta.dirname, '../../fixtures/digits');
const PIXELS = 64;

let session: InferenceSession;
let input = '';
let images: Float32Array;
let labels: number[] = [];

beforeAll(async () => {
  session = await InferenceSession.create(join(digits, 'cnn.onnx'));
  [input = ''] = session.inputNames;
  const arrays = readNpz(readFileSync(join(digits, 'heldout.npz')));
  images = arrays.get('image')!.data as Float32Array;
  labels = Array.from(arrays.get('labels')!.data as BigInt64Array, Number);
});
afterAll(() => session.release());

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-watch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A digit, its shades changed. */
const feeds = (row: number, change = (shade: number): number => shade): Record<string, Tensor> => ({
  [input]: new Tensor(
    'float32',
    images.slice(row * PIXELS, (row + 1) * PIXELS).map(change),
    [1, 1, 8, 8],
  ),
});

function profile(): ReferenceProfile {
  const [reader, profiler] = [new FeatureReader({ maxElements: 8 }), new Profiler()];
  for (let row = 0; row < 300; row++) {
    for (const features of reader.read(feeds(row))) profiler.add(features, labels[row]);
  }
  return profiler.finish('categorical');
}

const options = (): Parameters<typeof watch>[1] => ({
  model: 'digits',
  version: '7',
  sample: 1,
  features: { maxElements: 8 },
  profile: profile(),
  labels: { path: join(folder, 'labels.jsonl') },
  log: {
    path: join(folder, 'predictions.jsonl'),
    redact: { rules: { 'image.channel0.std': 'drop' } },
  },
});

async function ask(
  watched: WatchedSession,
  from: number,
  to: number,
  change?: (s: number) => number,
): Promise<void> {
  for (let row = from; row < to; row++) {
    await watched.run(feeds(row, change), { requestId: `r${row}` });
  }
}

describe('a watched session', () => {
  it('answers where its inputs are disposed as soon as a run has begun', async () => {
    for (const sample of [undefined, 1]) {
      const { sample: _, ...rest } = options();
      const watched = await watch(session, { ...rest, ...(sample !== undefined && { sample }) });
      const given = feeds(300);
      const running = watched.run(given, { requestId: 'a' });
      given[input]!.dispose();
      await expect(running).resolves.toBeDefined();
      expect(watched.watch.report()).toMatchObject({ requests: 1, rows: 1, unread: 0, errors: [] });
      await watched.watch.close();
    }
  });

  it('knows how good the model is once labels have come, also over a restart', async () => {
    const first = await watch(session, options());
    await ask(first, 300, 450);
    for (let row = 300; row < 400; row++) first.label(`r${row}`, labels[row]!);
    await first.watch.close();

    const second = await watch(session, options());
    await ask(second, 450, 599);
    for (let row = 400; row < 599; row++) expect(second.label(`r${row}`, labels[row]!)).toBe(true);
    expect(second.label('unknown', 1)).toBe(false);
    const { quality, labels: counts } = second.watch.report();
    expect(counts).toMatchObject({ pending: 0, unmatched: 1 });
    expect(quality).toHaveLength(1);
    const { version, quality: found } = quality[0]!;
    expect(version).toBe('7');
    expect(found).toMatchObject({ kind: 'classification', labels: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
    if (found.kind !== 'classification') throw new Error('expected classes');
    // The predictions before the restart are not run again, those joined after it are all there.
    expect(found.rows).toBeGreaterThanOrEqual(199);
    expect(found.accuracy).toBeGreaterThan(0.95);
    expect(found.accuracyInterval[0]).toBeLessThan(found.accuracy);
    expect(found.auc).toBeGreaterThan(0.99);
    expect(found.logLoss).toBeLessThan(0.3);
    await second.watch.close();
  });

  it('sees drift where the inputs have changed, and none where not', async () => {
    const same = await watch(session, options());
    await ask(same, 300, 599);
    expect(same.watch.report().drift!.driftedShare).toBe(0);
    const darker = await watch(session, { ...options(), labels: {} });
    await ask(darker, 300, 599, (shade) => shade * 0.6);
    const { drift } = darker.watch.report();
    expect(drift!.driftedShare).toBe(1);
    const [mean] = drift!.features;
    expect(mean).toMatchObject({ name: 'image.channel0.mean', method: 'ks', drifted: true });
    expect(mean!.stabilityIndex).toBeGreaterThan(0.25);
    await Promise.all([same.watch.close(), darker.watch.close()]);
  });

  it('logs rows without what may not be written', async () => {
    const watched = await watch(session, options());
    await ask(watched, 300, 303);
    await watched.watch.close();
    const lines = readFileSync(join(folder, 'predictions.jsonl'), 'utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      requestId: 'r300',
      model: 'digits',
      version: '7',
      prediction: labels[300],
    });
    expect(Object.keys(rows[0]!['features'] as object)).toEqual(['image.channel0.mean']);
    expect(rows[0]!['latencyMs']).toBeGreaterThan(0);
  });

  it('counts errors by kind, with what is unusual about the row', async () => {
    const watched = await watch(session, options());
    const wrong = { [input]: new Tensor('float32', new Float32Array(30).fill(99), [1, 1, 5, 6]) };
    await expect(watched.run(wrong, { requestId: 'bad' })).rejects.toMatchObject({
      code: 'ERR_SHAPE_MISMATCH',
    });
    const [kind] = watched.watch.report().errors;
    expect(kind).toMatchObject({ kind: 'ERR_SHAPE_MISMATCH', count: 1 });
    expect(kind!.example).toMatchObject({
      requestId: 'bad',
      unusual: [{ name: 'image.channel0.mean' }, { name: 'image.channel0.std' }],
    });
    await watched.watch.close();
  });

  it('reads the feeds before they may change, and leaves out what is not in the sample', async () => {
    const watched = await watch(session, { ...options(), sample: 0.5 });
    for (let row = 0; row < 200; row++) watched.runSync(feeds(row % 100));
    const { requests, skipped } = watched.watch.report();
    expect(requests + skipped).toBe(200);
    expect(requests).toBeGreaterThan(50);
    expect(requests).toBeLessThan(150);
    await watched.watch.close();
  });
});

it('refuses options that are wrong', async () => {
  const wrong: [object, string][] = [
    [{ model: '' }, 'model'],
    [{ sample: 2 }, 'sample'],
    [{ drift: {}, profile: undefined }, 'drift'],
    [{ profile: {} }, 'profile'],
    [{ confidence: 1 }, 'confidence'],
    [{ log: { path: 'x', redact: { rules: { a: 'hide' } } } }, 'log.redact.rules.a'],
  ];
  for (const [change, path] of wrong) {
    const made = watch(session, { model: 'digits', ...change });
    await expect(made, path).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(path) as string,
    });
  }
});
