// The report in a real browser, as its readers see it.
/// <reference lib="dom" />
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { launch, type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model, onlite } from './bench-support';
import { browserRemedy, findBrowser } from './chromium';

const executablePath = findBrowser();
// In CI the browser is installed, so that its absence is a failure there.
const skipped = executablePath === undefined && process.env['CI'] === undefined;
if (skipped) console.warn(`test/integration/bench-report.test.ts is skipped: ${browserRemedy}`);

describe.skipIf(skipped)(skipped ? browserRemedy : 'the report', () => {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-report-'));
  const report = path.join(scratch, 'report.html');
  const single = path.join(scratch, 'single.html');
  let browser: Browser | undefined;

  /** What a page did that it must not do. */
  interface Visit {
    page: Page;
    problems: string[];
    requests: string[];
  }

  async function visit(scheme: 'light' | 'dark', file = report, width = 1100): Promise<Visit> {
    const page = await browser!.newPage();
    const problems: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(pathToFileURL(file).href, { waitUntil: 'networkidle0' });
    return { page, problems, requests };
  }

  beforeAll(async () => {
    if (executablePath === undefined) throw new Error(browserRemedy);
    const models = [model('conv.onnx'), model('conv.tflite')];
    const short = ['--runs', '200', '--processes', '2', '--warmup', '0'];
    const saved = path.join(scratch, 'baseline.json');
    const first = onlite(['bench', models[0]!, ...short, '--report', single, '--save', saved]);
    expect([first.status, first.stderr]).toEqual([0, '']);
    const compared = ['--baseline', saved, '--tolerance', '900', '--report', report];
    const second = onlite(['bench', ...models, '--concurrency', '1,2', ...short, ...compared]);
    expect([second.status, second.stderr]).toEqual([0, '']);
    // The page has no scripts and no network, so nothing is lost without the sandbox, which
    // Chromium cannot set up as root.
    // What is preloaded for node's sake (a sanitizer) is not for it.
    const env = { ...process.env, LD_PRELOAD: undefined };
    browser = await launch({ executablePath, headless: true, args: ['--no-sandbox'], env });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(scratch, { recursive: true });
  });

  it.each(['light', 'dark'] as const)(
    'is drawn in the %s scheme, from itself alone',
    async (scheme) => {
      const { page, problems, requests } = await visit(scheme);
      expect(problems).toEqual([]);
      expect(requests).toEqual([pathToFileURL(report).href]);
      const charts = await page.$$eval('svg.chart', (elements) =>
        elements.map((element) => {
          const { width, height } = element.getBoundingClientRect();
          return { width, height, marks: element.querySelectorAll('.point').length };
        }),
      );
      expect(charts).toHaveLength(3);
      for (const { width, height, marks } of charts) {
        expect(width).toBeGreaterThan(500);
        expect(height).toBeGreaterThan(80);
        expect(marks).toBeGreaterThan(3);
      }
      // Not one colour: a picture of the size of the page that compresses to almost nothing is blank.
      const picture = await page.screenshot({ fullPage: true });
      expect(picture.length).toBeGreaterThan(50_000);
      const background = await page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
      const [red = NaN] = (/\d+/.exec(background) ?? []).map(Number);
      expect(red < 128).toBe(scheme === 'dark');
      await page.close();
    },
  );

  it.each(['light', 'dark'] as const)('has enough contrast in the %s scheme', async (scheme) => {
    const { page } = await visit(scheme);
    // WCAG 2.2, relative luminance and contrast ratio; 1.4.3 for text, 1.4.11 for marks.
    const lowest = await page.evaluate(() => {
      const luminance = (color: string): number => {
        const channels = (color.match(/[\d.]+/g) ?? [])
          .slice(0, 3)
          .map((part) => Number(part) / 255);
        const [red = 0, green = 0, blue = 0] = channels.map((channel) =>
          channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const opaque = (element: Element | null): string => {
        for (let at = element; at; at = at.parentElement) {
          const { backgroundColor } = getComputedStyle(at);
          if (!backgroundColor.endsWith(', 0)')) return backgroundColor;
        }
        return 'rgb(255, 255, 255)';
      };
      const contrast = (color: string, element: Element): number => {
        const [a, b] = [luminance(color), luminance(opaque(element))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      };
      const least = (selector: string, property: 'color' | 'fill' | 'stroke'): number =>
        Math.min(
          ...[...document.querySelectorAll(selector)].map((element) =>
            contrast(getComputedStyle(element)[property], element),
          ),
        );
      return {
        text: least(
          'p, a, td, th, li, dd, dt, summary, h1, h2, h3, small, caption, .verdict',
          'color',
        ),
        labels: least('svg.chart > text, svg.chart .axis', 'fill'),
        marks: least('.marker, .part, .bar rect', 'fill'),
        lines: least('.line', 'stroke'),
      };
    });
    expect(lowest.text).toBeGreaterThanOrEqual(4.5);
    expect(lowest.labels).toBeGreaterThanOrEqual(4.5);
    expect(lowest.marks).toBeGreaterThanOrEqual(3);
    expect(lowest.lines).toBeGreaterThanOrEqual(3);
    await page.close();
  });

  it('is reached by Tab, in order, and every point says what it is', async () => {
    const { page } = await visit('light');
    const reachable = await page.$$eval(
      'a[href], summary, [tabindex="0"]',
      (elements) => elements.map((element) => element.checkVisibility()).filter(Boolean).length,
    );
    const seen: string[] = [];
    for (;;) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element || element === document.body) return undefined;
        const tip = element.matches('.point') ? element.querySelector('.tip') : null;
        if (tip && getComputedStyle(tip).visibility !== 'visible') return 'a hidden tip';
        return element.getAttribute('aria-label') ?? element.textContent.trim();
      });
      if (name === undefined || seen.length > reachable) break;
      seen.push(name);
    }
    expect(seen).toHaveLength(reachable);
    expect(seen[0]).toBe('Skip to the results');
    expect(seen).not.toContain('');
    expect(seen).not.toContain('a hidden tip');
    expect(seen).toContain('Latency distribution as a table');
    expect(seen.filter((name) => /p99 .*[µm]s/.test(name))).toHaveLength(4);
    await page.close();
  });

  it('opens its tables by keyboard', async () => {
    const { page } = await visit('light');
    const isOpen = (): Promise<boolean> =>
      page.$eval('#latency-table table', (table) => table.checkVisibility());
    expect(await isOpen()).toBe(false);
    await page.focus('#latency-table summary');
    await page.keyboard.press('Enter');
    expect(await isOpen()).toBe(true);
    await page.close();
  });

  it('has one first heading, and none skips a level', async () => {
    const { page } = await visit('light');
    const levels = await page.$$eval('h1, h2, h3, h4', (headings) =>
      headings.map(({ tagName }) => Number(tagName.slice(1))),
    );
    expect(levels.filter((level) => level === 1)).toEqual([1]);
    levels.reduce((before, level) => {
      expect(level).toBeLessThanOrEqual(before + 1);
      return level;
    });
    const links = await page.$$eval(
      'a[href^="#"]',
      (anchors) =>
        anchors.filter((anchor) => !document.querySelector(anchor.getAttribute('href')!)).length,
    );
    expect(links).toBe(0);
    await page.close();
  });

  it('fits a telephone: what is wider scrolls by itself', async () => {
    const { page } = await visit('dark', report, 390);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(390);
    await page.close();
  });

  it('says what one setting needs, without what only several have', async () => {
    const { page, problems } = await visit('light', single);
    expect(problems).toEqual([]);
    const titles = await page.$$eval('h2', (headings) => headings.map((item) => item.textContent));
    expect(titles).toEqual([
      'Latency distribution',
      'Phases of a run',
      'Operators',
      'Settings',
      'Machine and method',
    ]);
    const text = await page.$eval('body', (body) => body.textContent);
    for (const word of [process.versions.node, os.cpus()[0]!.model.trim(), 'bench', 'Conv']) {
      expect(text).toContain(word);
    }
    await page.close();
  });

  it('has nothing that runs or loads', () => {
    const text = readFileSync(report, 'utf8');
    expect(text).not.toMatch(/<script|<link[^>]+href="(?!data:)|@import|url\(|<img|\son\w+=/i);
    expect(text).toContain("default-src 'none'");
  });
});
