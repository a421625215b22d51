// The status page in a real browser, as its readers see it.
/// <reference lib="dom" />
import { createApiKey, type ModelServer } from '@onlite/server';
import { launch, type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { browserRemedy, findBrowser } from '../../test/integration/chromium';
import { call, fixture, json, post, serve } from './support';

const executablePath = findBrowser();
// In CI the browser is installed, so that its absence is a failure there.
const skipped = executablePath === undefined && process.env['CI'] === undefined;
if (skipped) console.warn(`server/test/status.test.ts is skipped: ${browserRemedy}`);

const predict = (model: string) => `/v1/models/${model}:predict`;
const rows = post({ instances: [[1, 2, 3]] });

describe('/status', () => {
  it('is at the management port, and at the public one where it was asked for', async () => {
    const { server, port } = await serve({ rows: 'identity_float32.onnx' });
    const managed = (await server.listenManagement(0)).port;
    for (const path of ['/status', '/status.json']) {
      expect((await call(port, path)).status).toBe(404);
      const reply = await call(managed, path);
      expect(reply.status).toBe(200);
      expect(reply.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'none'") as string,
      });
      expect((await call(managed, path, post(''))).status).toBe(405);
    }
    await server.close();
    const open = await serve(
      { rows: 'identity_float32.onnx' },
      { statusPage: true, ...(process.platform === 'linux' && { workers: 2 }) },
    );
    for (let turn = 0; turn < 8; turn++) {
      expect((await call(open.port, '/status')).status).toBe(200);
      expect(json(await call(open.port, '/status.json'))).toMatchObject({
        models: [{ name: 'rows', versions: [{ version: '1', state: 'AVAILABLE' }] }],
      });
    }
    // Of a model of which nothing is loaded all threads know that it could be.
    await open.server.manager.unload('rows');
    for (let turn = 0; turn < 8; turn++) {
      expect(json(await call(open.port, '/status.json'))).toMatchObject({
        models: [{ name: 'rows', versions: [{ version: '1', state: 'UNLOADED' }] }],
      });
    }
    await open.server.close();
  });

  it('tells nothing without a key, and of a key for some models these alone', async () => {
    const one = createApiKey('one', ['monitor:rows']);
    const user = createApiKey('user', ['infer']);
    const { server, port } = await serve(
      { rows: 'identity_float32.onnx', hidden: 'add4.onnx' },
      { statusPage: true, access: { keys: [one.key, user.key] } },
    );
    const page = await call(port, '/status');
    expect(page.status).toBe(200);
    // Whoever asks is given the same, which knows of nothing.
    const asReader = await call(port, '/status', { headers: { 'x-api-key': one.text } });
    expect(page.text).toBe(asReader.text);
    const ask = (headers: Record<string, string>) => call(port, '/status.json', { headers });
    expect((await ask({})).status).toBe(401);
    expect((await ask({ 'x-api-key': user.text })).status).toBe(403);
    const seen = await ask({ 'x-api-key': one.text });
    expect(seen.status).toBe(200);
    expect(seen.text).toContain('rows');
    expect(seen.text).not.toContain('hidden');
    await server.close();
  });
});

describe.skipIf(skipped)(skipped ? browserRemedy : 'the status page in a browser', () => {
  let browser: Browser | undefined;
  let server: ModelServer;
  let url = '';
  let stop = false;
  let load: Promise<unknown> = Promise.resolve();
  const key = createApiKey('reader', ['monitor']);
  const user = createApiKey('user', ['infer']);
  const long = 'a-model-whose-name-is-as-long-as-names-of-models-can-become-in-practice';

  interface Visit {
    page: Page;
    problems: string[];
    requests: Set<string>;
  }

  async function visit(scheme: 'light' | 'dark' = 'light', width = 1100): Promise<Visit> {
    const page = await browser!.newPage();
    const problems: string[] = [];
    const requests = new Set<string>();
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('request', (request) => requests.add(request.url()));
    await page.setViewport({ width, height: 900, deviceScaleFactor: width < 600 ? 2 : 1 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(`${url}/status`);
    return { page, problems, requests };
  }

  /** Says who reads, as somebody would. */
  async function show(page: Page): Promise<void> {
    await page.waitForSelector('#ask:not([hidden])');
    await page.type('#key', key.text);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#shown:not([hidden])');
    // Two looks at least, so that there are rates.
    await page.waitForFunction(() => /[1-9]/.test(document.querySelector('.tile b')!.textContent), {
      timeout: 30_000,
    });
  }

  beforeAll(async () => {
    if (executablePath === undefined) throw new Error(browserRemedy);
    const running = await serve(
      { rows: 'identity_float32.onnx', [long]: 'add4.onnx' },
      { statusPage: true, access: { keys: [key.key, user.key] } },
    );
    ({ server, url } = running);
    await server.load({ name: 'rows', version: '2', file: fixture('identity_float32.onnx') });
    await server.manager.label('rows', { stable: '1' });
    await server.manager.canary('rows', { version: '2', percent: 25 });
    const broken = server.load({ name: 'rows', version: '3', file: fixture('absent.onnx') });
    await expect(broken).rejects.toThrow();
    const headers = { 'x-api-key': user.text };
    load = (async () => {
      for (let turn = 0; !stop; turn++) {
        await call(running.port, predict('rows'), { ...rows, headers });
        if (turn % 7 === 0) await call(running.port, predict('rows'), post('{', headers));
        if (turn % 11 === 0) await call(running.port, predict('none'), { ...rows, headers });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    // What is preloaded for node's sake (a sanitizer) is not for it. As root there is no sandbox to be had; the
    // page is our own.
    const env = { ...process.env, LD_PRELOAD: undefined };
    browser = await launch({ executablePath, headless: true, args: ['--no-sandbox'], env });
  });
  afterAll(async () => {
    await browser?.close();
    stop = true;
    await load;
    await server.close();
  });

  it.each([
    ['light', 1100],
    ['dark', 1100],
    ['light', 390],
  ] as const)('shows what is served, in the %s scheme, %i wide', async (scheme, width) => {
    const { page, problems, requests } = await visit(scheme, width);
    await show(page);
    // What is refused before there is a key is told on the console by the browser.
    expect(problems.filter((problem) => !problem.includes('401'))).toEqual([]);
    expect([...requests].sort()).toEqual([`${url}/status`, `${url}/status.json`]);
    const text = await page.$eval('body', (body) => body.innerText);
    for (const each of [
      'rows',
      long,
      'stable',
      'canary 25 %',
      'default',
      'malformed',
      'not found',
    ]) {
      expect(text).toContain(each);
    }
    expect(text).toMatch(/absent\.onnx/);
    expect(await page.$$eval('#versions tbody tr', (found) => found.length)).toBe(4);
    const bars = await page.$$eval('#histogram rect', (found) =>
      found.map((bar) => Number(bar.getAttribute('height'))),
    );
    expect(Math.max(...bars)).toBeGreaterThan(100);
    expect(bars.length).toBeGreaterThan(7);
    const size = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(size).toBeLessThanOrEqual(width);
    const background = await page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
    const [red = NaN] = (/\d+/.exec(background) ?? []).map(Number);
    expect(red < 128).toBe(scheme === 'dark');
    const folder = process.env['ONLITE_SCREENSHOTS'];
    const shot = await page.screenshot({
      fullPage: true,
      ...(folder !== undefined && { path: `${folder}/status-${scheme}-${width}.png` as const }),
    });
    expect(shot.length).toBeGreaterThan(20_000);
    await page.close();
  });

  it('goes on by itself, and shows one version where it is chosen', async () => {
    const { page } = await visit();
    await show(page);
    const says = () => page.$eval('#histogram-says', ({ textContent }) => textContent);
    const before = await says();
    await expect.poll(says, { timeout: 30_000 }).not.toBe(before);
    await page.select('#of', `${long} 1`);
    expect(await says()).toMatch(/^No request/);
    await page.select('#of', 'rows 2');
    expect(await says()).toMatch(/requests? in the last/);
    await page.close();
  });

  it('says so where the key is none, and where nobody answers', async () => {
    const { page } = await visit();
    await page.waitForSelector('#ask:not([hidden])');
    await page.type('#key', 'onl_none');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.$eval('#refused', ({ textContent }) => textContent))
      .toContain('not known');
    expect(await page.$eval('#shown', (shown) => shown.checkVisibility())).toBe(false);
    await page.setOfflineMode(true);
    await expect
      .poll(() => page.$eval('#state', ({ textContent }) => textContent), { timeout: 20_000 })
      .toBe('does not answer');
    await page.close();
  });

  it('lets nothing run that is not its own', async () => {
    const { page, problems } = await visit();
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "taken"';
      document.body.append(script);
    });
    expect(await page.title()).toBe('onlite: status');
    expect(problems.join()).toMatch(/Content Security Policy/);
    const { text } = await call(Number(new URL(url).port), '/status');
    expect(text).not.toMatch(/<link[^>]+href="(?!data:)|@import|url\(|<img|\son\w+=|innerHTML/i);
    await page.close();
  });
});
