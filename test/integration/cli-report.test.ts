// The page of a model's history in a real browser, as its readers see it.
/// <reference lib="dom" />
import { once } from 'node:events';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import { launch, type Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { browserRemedy, findBrowser } from './chromium';
import { onlite } from './cli-support';
import { writeHistory, type History } from './watch-logs';

const folder = mkdtempSync(join(tmpdir(), 'onlite-report-'));
const page = join(folder, 'page.html');
let history: History;
beforeAll(async () => {
  history = await writeHistory(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Report {
  model: string;
  from: number;
  to: number;
  rows: number;
  unread: number;
  labelled: number;
  modelVersions: { version: string; from: number; rows: number; quality: { accuracy: number } }[];
  errors: {
    kind: string;
    count: number;
    firstSeen: number;
    lastSeen: number;
    example: { requestId: string };
    unusual: { name: string; deviations: number }[];
  }[];
  drift: { features: { name: string; drifted: boolean }[] };
  spanMs: number;
  spans: {
    time: number;
    rows: number;
    errors: Record<string, number>;
    latencyMs: { p50: number; p99: number };
    quality: { version: string; rows: number; accuracy: number }[];
    drift?: Record<string, number>;
  }[];
}

const HOUR = 3_600_000;
const root = join(import.meta.dirname, '../..');

/** A log as a Parquet file, by the watch itself: a file that is renamed becomes one. */
async function writeParquet(lines: string, parquet: string): Promise<void> {
  const worker = new Worker(join(root, 'dist/watch/parquet-worker.js'), {
    workerData: { jsonl: copyOf(lines), parquet },
  });
  await once(worker, 'exit');
}

/** What the worker removes. */
function copyOf(file: string): string {
  copyFileSync(file, `${file}.copy`);
  return `${file}.copy`;
}

describe('onlite report', () => {
  it('finds in logs what has happened, and when', () => {
    const options = ['--labels', history.labels, '--profile', history.profile, '--min-rows', '20'];
    const { status, stdout, stderr } = onlite([
      'report',
      history.logs,
      ...options,
      '--output',
      page,
      '--json',
    ]);
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as Report;
    const { start } = history;
    expect(report).toMatchObject({ model: 'flowers', from: start, rows: 1440, unread: 1 });
    expect(report.spanMs).toBe(HOUR / 4);
    expect(report.spans.reduce((sum, { rows }) => sum + rows, 0)).toBe(1440);
    expect(report.spans.every(({ rows }) => rows === 30)).toBe(true);
    expect(report.modelVersions.map(({ version, from }) => [version, from])).toEqual([
      ['1', start],
      ['2', start + 6 * HOUR],
    ]);
    const [first, second] = report.modelVersions;
    expect(first!.quality.accuracy).toBeCloseTo(0.9, 1);
    // Every second row has its label, every fourth is wrong: half of those that are labelled.
    expect(second!.quality.accuracy).toBeCloseTo(0.5, 1);
    const [timeouts, failures] = report.errors;
    expect(timeouts).toMatchObject({ kind: 'ERR_TIMEOUT', count: 24, firstSeen: start + 2 * HOUR });
    expect(timeouts!.lastSeen).toBeLessThan(start + 3 * HOUR);
    expect(failures).toMatchObject({ kind: 'ERR_RUN_FAILED', example: { requestId: 'r1358' } });
    expect(failures!.unusual[0]).toMatchObject({ name: 'width' });
    expect(failures!.unusual[0]!.deviations).toBeGreaterThan(50);
    const drifted = report.spans.filter(({ drift }) => (drift?.['length'] ?? 0) > 1);
    expect(Math.min(...drifted.map(({ time }) => time))).toBe(start + 8 * HOUR);
    expect(drifted).toHaveLength(16);
    expect(report.drift.features.find(({ name }) => name === 'length')!.drifted).toBe(true);
    const late = report.spans.at(-1)!;
    expect(late.latencyMs.p50).toBeGreaterThan(report.spans[0]!.latencyMs.p50);
    expect(late.quality.map(({ version }) => version)).toEqual(['2']);
    expect(readFileSync(page, 'utf8')).not.toMatch(/<script|https?:|<failed>/);
  });

  it('counts each row of a sample as often as its weight says', () => {
    const logs = join(folder, 'sampled.jsonl');
    const sampled = join(folder, 'sampled.html');
    const line = (index: number): string =>
      JSON.stringify({
        time: new Date(history.start + index * 1000).toISOString(),
        ...{ model: 'm', version: '1', features: {}, weight: 1 / 0.03 },
        ...(index % 5 === 0 && { error: 'ERR_RUN_FAILED' }),
      });
    writeFileSync(logs, Array.from({ length: 100 }, (_, index) => line(index)).join('\n'));
    const { stdout } = onlite(['report', logs, '--output', sampled, '--json']);
    const { rows, errors, modelVersions } = JSON.parse(stdout) as Report;
    expect(rows).toBeCloseTo(100 / 0.03, 6);
    expect(errors[0]!.count / rows).toBeCloseTo(0.2, 9);
    expect(modelVersions[0]!.rows).toBeCloseTo(rows, 6);
    const html = readFileSync(sampled, 'utf8');
    expect(html).toMatch(/<b>3,333<\/b>/);
    expect(html).toMatch(/<b>20 %<\/b><small>667 of 1 kinds/);
    expect(html).not.toMatch(/\d\.\d{6}[^"]*<\/(?:td|title|b|small)>/);
    expect(onlite(['report', logs]).stdout).toMatch(/rows +3,333, [^]*3,333 +667[^]*FAILED +667 /);
  });

  it('prints the same as text, without labels and a profile too', () => {
    const { status, stdout, stderr } = onlite(['report', history.logs]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/ERR_TIMEOUT +24 +2026-11-26 10:00 UTC/);
    expect(stdout).toMatch(/rows +1,440, 2026-11-26 08:00 UTC to 2026-11-26 19:59 UTC/);
    expect(stdout).not.toContain('Drift');
  });

  it('reads what has become Parquet as it was, and passes over lines without an end', async () => {
    const all = readdirSync(history.logs).filter((name) => name.startsWith('predictions'));
    const text = all.map((name) => readFileSync(join(history.logs, name), 'utf8')).join('');
    const lines = join(folder, 'lines.jsonl');
    // 9 MiB that are no row, and rows that stand for several.
    const long = '{"a":"'.padEnd(9 << 20, 'x');
    const sampled = text.replaceAll(/"latencyMs":/g, '"weight":2.5,"latencyMs":');
    writeFileSync(lines, `${sampled}${long}\n`);
    const parquet = join(folder, 'lines.parquet');
    await writeParquet(join(folder, 'lines.jsonl'), parquet);
    const options = ['--labels', history.labels, '--profile', history.profile, '--json'];
    const [asLines, asParquet] = [lines, parquet].map((file) => {
      const { status, stdout, stderr } = onlite(['report', file, ...options]);
      expect(status, stderr).toBe(0);
      const { modelVersions, errors, spans, drift, unread } = JSON.parse(stdout) as Report;
      return { modelVersions, errors, spans, drift, unread };
    });
    expect(asLines!.unread).toBe(1);
    expect(asParquet).toEqual({ ...asLines, unread: 0 });
    expect(asLines!.spans.reduce((sum, { rows }) => sum + rows, 0)).toBe(1440 * 2.5);
    const broken = join(folder, 'broken.parquet');
    writeFileSync(broken, 'PAR1 and no more');
    const { status, stderr } = onlite(['report', broken]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`cannot read '${broken}'`)]);
  });

  it.each([
    [[], 2, 'LOGS'],
    [['none.jsonl'], 1, "cannot read 'none.jsonl'"],
    [['LABELS'], 1, 'no rows'],
    [['LOGS', '--model', 'trees'], 1, "no rows of 'trees'"],
    [['LOGS', '--labels', 'PROFILE'], 1, '--labels'],
    [['LOGS', '--profile', 'LABELS'], 1, 'is not JSON'],
  ])('says what is wrong: %j', (args, code, message) => {
    const { logs, labels, profile } = history;
    const files: Record<string, string> = { LOGS: logs, LABELS: labels, PROFILE: profile };
    const { status, stderr } = onlite(['report', ...args.map((word) => files[word] ?? word)]);
    expect(status).toBe(code);
    expect(stderr).toContain(message);
  });
});

const executablePath = findBrowser();
// In CI the browser is installed, so that its absence is a failure there.
const skipped = executablePath === undefined && process.env['CI'] === undefined;
if (skipped) console.warn(`test/integration/cli-report.test.ts is skipped: ${browserRemedy}`);

describe.skipIf(skipped)(skipped ? browserRemedy : 'the page', () => {
  let browser: Browser;
  beforeAll(async () => {
    if (executablePath === undefined) throw new Error(browserRemedy);
    // The page has no scripts and no network, so nothing is lost without the sandbox, which
    // Chromium cannot set up as root.
    const env = { ...process.env, LD_PRELOAD: undefined };
    browser = await launch({ executablePath, headless: true, args: ['--no-sandbox'], env });
  });
  afterAll(async () => browser.close());

  it.each([
    ['light', 1100],
    ['dark', 390],
  ] as const)('is drawn in the %s scheme, %i pixels wide', async (scheme, width) => {
    const tab = await browser.newPage();
    const problems: string[] = [];
    const requests: string[] = [];
    tab.on('console', (message) => problems.push(message.text()));
    tab.on('pageerror', (error) => problems.push(String(error)));
    tab.on('request', (request) => requests.push(request.url()));
    await tab.setViewport({ width, height: 900 });
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await tab.goto(pathToFileURL(page).href, { waitUntil: 'networkidle0' });
    expect(problems).toEqual([]);
    expect(requests).toEqual([pathToFileURL(page).href]);
    const titles = await tab.$$eval('main h2', (elements) =>
      elements.map((element) => element.textContent),
    );
    expect(titles.slice(0, 8)).toEqual([
      'Requests',
      'Errors by kind',
      'Accuracy',
      'Drift',
      'Latency',
      'Versions',
      'Errors',
      'Drift by feature',
    ]);
    // All charts have one time axis: the mark of version 2 is at one place in all of them.
    const marks = await tab.$$eval('svg.chart .mark', (elements) =>
      elements.map((element) => element.getAttribute('d')?.split(' ')[0]),
    );
    expect(marks).toHaveLength(5);
    expect(new Set(marks).size).toBe(1);
    // What is too wide is scrolled in its own place.
    const widths = await tab.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(widths[0]).toBe(widths[1]);
    const picture = await tab.screenshot({ fullPage: true });
    expect(picture.length).toBeGreaterThan(50_000);
    await tab.close();
  });
});
