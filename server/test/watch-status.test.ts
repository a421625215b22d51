// What the status page says of models that are watched, in a real browser.
/// <reference lib="dom" />
import { join } from 'node:path';

import { createApiKey } from '@onlite/server';
import { Profiler, writeProfile } from 'onlite/watch';
import { launch, type Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { browserRemedy, findBrowser } from '../../test/integration/chromium';
import { call, fixture, json, post, type Running } from './support';
import { temporaryFolder } from './versions-support';
import { serveWatched } from './watch-support';

const executablePath = findBrowser();
// In CI the browser is installed, so that its absence is a failure there.
const skipped = executablePath === undefined && process.env['CI'] === undefined;
if (skipped) console.warn(`server/test/watch-status.test.ts is skipped: ${browserRemedy}`);

const profile = join(temporaryFolder(), 'profile.json');
const rowOf = (turn: number, moved: number): number[] =>
  [((turn * 37) % 100) / 100 + moved, ((turn * 61) % 100) / 100, 0.3].map(Math.fround);
const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));

const watch = {
  profile,
  drift: { minRows: 20, window: 50 },
  qualityWindow: 50,
  alerts: {
    wrong: { measure: 'accuracy', below: 0.9, minRows: 20 },
    moved: { measure: 'stabilityIndex', above: 0.25, minRows: 20 },
    errors: { measure: 'errorShare', above: 0.9 },
  },
} as const;

let running: Running;
let turn = 0;

/** One request and its label, which is wrong where so much is expected of chance. */
async function ask(moved: number, isWrong: boolean, version = ''): Promise<void> {
  const row = rowOf(turn, moved);
  const requestId = `r${turn++}`;
  const path = `/v1/models/rows${version}:predict`;
  const headers = { 'x-request-id': requestId };
  await call(running.port, path, post({ instances: [row] }, headers));
  await new Promise(setImmediate);
  const label = isWrong ? 2 : best(row);
  await call(
    running.port,
    '/watch/models/rows/labels',
    post([{ requestId, label }], { 'content-type': 'application/json' }),
  );
}

interface Document {
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly { readonly version: string; readonly watch?: Watched }[];
  }[];
  readonly history?: {
    readonly points: readonly { readonly at: number; readonly versions: readonly object[] }[];
    readonly marks: readonly { readonly text: string }[];
  };
}

interface Watched {
  readonly alerts: readonly { readonly name: string; readonly isActive: boolean }[];
}

const status = async (headers: Record<string, string> = {}): Promise<Document> =>
  json(await call(running.port, '/status.json', { headers })) as Document;

beforeAll(async () => {
  const profiler = new Profiler();
  for (let each = 0; each < 500; each++) {
    const row = rowOf(each, 0);
    profiler.add(Object.fromEntries(row.map((value, at) => [`x[${at}]`, value])), best(row));
  }
  await writeProfile(profile, profiler.finish('categorical'));
  running = await serveWatched(watch, { statusPage: true });
  for (let each = 0; each < 60; each++) await ask(0, each % 20 === 0);
  // So that there is something over time.
  const wait = () => new Promise((resolve) => setTimeout(resolve, 1100));
  await status();
  await wait();
  const file = fixture('identity_float32.onnx');
  await running.server.load({ name: 'rows', version: '2', file, serving: { watch } });
  await status();
  for (let each = 0; each < 60; each++) await ask(0.8, each % 3 === 0);
  await wait();
  await status();
  for (let each = 0; each < 3; each++) {
    const headers = { 'x-request-timeout-ms': '0' };
    await call(running.port, '/v1/models/rows:predict', post({ instances: [[1, 2, 3]] }, headers));
  }
  await wait();
}, 60_000);
afterAll(() => running.server.close());

describe('/status.json', () => {
  it('has how versions that are watched do, and how they did', async () => {
    const { models, history } = await status();
    expect(models[0]!.versions.map(({ version }) => version)).toEqual(['2', '1']);
    const [second, first] = models[0]!.versions;
    const active = ({ watch: watched }: { watch?: Watched }) =>
      watched!.alerts.filter(({ isActive }) => isActive).map(({ name }) => name);
    expect([active(first!), active(second!)]).toEqual([[], ['wrong', 'moved']]);
    expect(second).toMatchObject({
      watch: {
        requests: 63,
        quality: { kind: 'classification', rows: 50, accuracy: 0.68 },
        drift: { rows: 50, features: expect.arrayContaining([expect.anything()]) as unknown },
        errors: [{ kind: 'ERR_TIMEOUT', count: 3 }],
      },
    });
    expect(JSON.stringify(second)).not.toContain('example');
    expect(history!.points.length).toBeGreaterThan(2);
    expect(history!.marks.map(({ text }) => text)).toEqual([
      'version 2 was loaded',
      'version 2 became the default',
    ]);
  });

  it('says nothing of models that its reader may not see, nor where nothing is watched', async () => {
    const key = createApiKey('other', ['monitor:other']);
    const before = running;
    running = await serveWatched({}, { statusPage: true, access: { keys: [key.key] } });
    try {
      const seen = await status({ 'x-api-key': key.text });
      expect(JSON.stringify(seen)).not.toContain('rows');
      expect(seen.history!.points).toMatchObject([{ versions: [] }]);
      await running.server.models.unload('rows', '1');
      expect(await status({ 'x-api-key': key.text })).not.toHaveProperty('history');
    } finally {
      await running.server.close();
      running = before;
    }
  });
});

describe.skipIf(skipped)(skipped ? browserRemedy : 'the status page in a browser', () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (executablePath === undefined) throw new Error(browserRemedy);
    // As root there is no sandbox to be had; the page is our own.
    const env = { ...process.env, LD_PRELOAD: undefined };
    browser = await launch({ executablePath, headless: true, args: ['--no-sandbox'], env });
  });
  afterAll(() => browser?.close());

  it.each([
    ['light', 1100],
    ['dark', 390],
  ] as const)('shows what is watched, in the %s scheme, %i wide', async (scheme, width) => {
    const page = await browser!.newPage();
    const problems: string[] = [];
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.setViewport({ width, height: 900, deviceScaleFactor: width < 600 ? 2 : 1 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(`${running.url}/status`);
    await page.waitForSelector('#watched:not([hidden])');
    // The newest version is chosen only if it is the last of the list.
    await page.select('#watched-of', 'rows 2');
    const text = await page.$eval('#watched', (section) => (section as HTMLElement).innerText);
    for (const each of [
      '68.0 %',
      'of 50 labelled rows',
      'x[0]',
      'drifted',
      'prediction',
      'ERR_TIMEOUT',
      'version 2 became the default',
      'wrong: accuracy 0.680, alert if < 0.9',
    ]) {
      expect(text).toContain(each);
    }
    const lines = await page.$$eval('#history path', (paths) =>
      paths.map((path) => path.getAttribute('d')!),
    );
    expect(lines.filter((line) => line !== '').length).toBeGreaterThan(5);
    expect(lines.join('')).not.toMatch(/NaN|Infinity|undefined/);
    const marks = await page.$$eval('#history .mark', (found) => found.length);
    expect(marks).toBe(2);
    await page.select('#watched-of', 'rows 1');
    expect(await page.$eval('#watched-tiles', (tiles) => tiles.textContent)).toContain('96.0 %');
    await page.select('#watched-of', 'rows 2');
    const size = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(size).toBeLessThanOrEqual(width);
    expect(problems).toEqual([]);
    const folder = process.env['ONLITE_SCREENSHOTS'];
    if (folder !== undefined) {
      await page.screenshot({ fullPage: true, path: `${folder}/watched-${scheme}-${width}.png` });
    }
    await page.close();
  });
});
