// examples/electron: in Electron where there is one; everywhere else its page in a browser and its utility
// process in a worker, with the same messages between them.
/// <reference lib="dom" />
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import threads from 'node:worker_threads';

import { launch, type Browser, type Page } from 'puppeteer-core';
import { asarUnpack } from 'onlite/electron';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { browserRemedy, findBrowser } from './chromium';
import { root } from './support';

const require = createRequire(import.meta.url);
const models = join(root, 'models');

/** The app as it is packed: its folder, the pipeline and its dependency. */
let app = '';
beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'onlite-electron-'));
  mkdirSync(join(app, 'node_modules'));
  symlinkSync(root, join(app, 'node_modules/onlite'), 'junction');
  symlinkSync(models, join(app, 'models'), 'junction');
  cpSync(join(root, 'examples/electron'), join(app, 'examples/electron'), { recursive: true });
  cpSync(join(root, 'examples/wake-word'), join(app, 'examples/wake-word'), { recursive: true });
});
afterAll(() => {
  rmSync(app, { recursive: true, force: true });
});
const file = (name: string): string => join(app, 'examples/electron', name);

/** Plays the recording in the app's page, which is to hear the wake word in it once. */
async function playRecording(page: Page): Promise<void> {
  const status = (text: string): Promise<unknown> =>
    page.waitForFunction(
      (id, wanted) => document.getElementById(id)?.textContent === wanted,
      {},
      'status',
      text,
    );
  await status('Ready.');
  await page.click('#recording');
  await status('That was all.');
  await page.waitForFunction(() => document.getElementById('detections')?.textContent === '1');
  const shown = await page.evaluate(() => ({
    probability: document.getElementById('probability')?.textContent,
    highest: Math.min(
      ...(document.querySelector('polyline')?.getAttribute('points') ?? '')
        .split(' ')
        .map((point) => Number(point.split(',')[1])),
    ),
    p50: document.getElementById('p50')?.textContent,
    bars: [...document.querySelectorAll('#latency-chart rect')].map((bar) =>
      Number(bar.getAttribute('height')),
    ),
    models: [...document.querySelectorAll('#models tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    ),
  }));
  expect(shown.probability).toMatch(/^\d+\.\d %$/);
  // From the top; the recording's wake word is 99 % sure.
  expect(shown.highest).toBeLessThan(0.05);
  expect(shown.p50).toMatch(/^\d+\.\d+ ms$/);
  expect(Math.max(...shown.bars)).toBe(1);
  expect(shown.models.map(([name]) => name)).toEqual([
    'melspectrogram',
    'embedding_model',
    'hey_jarvis',
  ]);
  // 11.26 seconds of 80 ms; the pipeline's own first ones are counted, too.
  for (const [, runs] of shown.models) expect(Number(runs)).toBeGreaterThan(130);
}

describe("electron-builder's configuration", () => {
  it('leaves out of the archive what onlite says', () => {
    const config = require(file('electron-builder.config.cjs')) as Record<string, unknown>;
    expect(config['asarUnpack']).toEqual(asarUnpack);
    const packed = JSON.stringify(config['files']);
    expect(packed).toContain('"from":"../wake-word"');
    expect(config['extraMetadata']).toEqual({ main: 'electron/main.mjs' });
  });
});

const executablePath = findBrowser();
const skipped = executablePath === undefined && process.env['CI'] === undefined;
if (skipped) console.warn(`test/integration/electron-example.test.ts: ${browserRemedy}`);

describe.skipIf(skipped)(skipped ? browserRemedy : 'the page and the utility process', () => {
  let browser: Browser | undefined;
  let server: Server | undefined;
  let detector: threads.Worker | undefined;
  let port: threads.MessagePort | undefined;

  beforeAll(async () => {
    if (executablePath === undefined) throw new Error(browserRemedy);
    const { pageFile } = (await import(pathToFileURL(file('page-files.mjs')).href)) as {
      pageFile: (path: string) => string | undefined;
    };
    const types: Record<string, string> = {
      '.html': 'text/html',
      '.mjs': 'text/javascript',
      '.css': 'text/css',
    };
    server = createServer(({ url = '' }, response) => {
      const found = pageFile(url);
      // Browsers ask for an icon by themselves.
      if (found === undefined) response.writeHead(url === '/favicon.ico' ? 204 : 404).end();
      else {
        const type = types[extname(found)] ?? 'application/octet-stream';
        response.setHeader('content-type', type).end(readFileSync(found));
      }
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));

    const entry = new URL('electron/utility-process.mjs', import.meta.url);
    detector = new threads.Worker(entry, { workerData: pathToFileURL(file('detector.mjs')).href });
    const { port1, port2 } = new threads.MessageChannel();
    detector.postMessage({ message: { models }, ports: [port2] }, [port2]);
    port = port1;
    const env = { ...process.env, LD_PRELOAD: undefined };
    browser = await launch({ executablePath, headless: true, args: ['--no-sandbox'], env });
  });
  afterAll(async () => {
    await browser?.close();
    await detector?.terminate();
    port?.close();
    server?.close();
  });

  it('hear the wake word together', async () => {
    const page = await browser!.newPage();
    const problems: string[] = [];
    page.on('console', (message) => problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.exposeFunction('toDetector', (samples: number[]) => {
      port!.postMessage({ samples: Float32Array.from(samples) });
    });
    await page.goto(`http://127.0.0.1:${(server!.address() as AddressInfo).port}/index.html`);
    await page.evaluate(() => {
      const global = window as never as Record<string, unknown>;
      const channel = new MessageChannel();
      channel.port1.onmessage = ({ data }: MessageEvent<{ samples: Float32Array }>) =>
        (global['toDetector'] as (samples: number[]) => unknown)([...data.samples]);
      global['fromDetector'] = (message: unknown) => {
        channel.port1.postMessage(message);
      };
      // What the page hands over it must not keep: samples go by transfer.
      global['kept'] = 0;
      const post = MessagePort.prototype.postMessage;
      MessagePort.prototype.postMessage = function (message: unknown, ...rest: never[]) {
        post.call(this, message, ...rest);
        const samples = (message as { samples?: Float32Array }).samples;
        if (samples !== undefined && samples.length > 0)
          global['kept'] = Number(global['kept']) + 1;
      };
      // As the preload script does.
      window.postMessage('detector', window.location.origin, [channel.port2]);
    });
    const forward = (message: unknown): void => {
      void page.evaluate((data) => {
        (window as never as { fromDetector: (data: unknown) => void }).fromDetector(data);
      }, message);
    };
    port!.on('message', forward);
    try {
      await playRecording(page);
    } finally {
      port!.off('message', forward);
    }
    expect(await page.evaluate(() => (window as never as { kept: number }).kept)).toBe(0);
    expect(problems).toEqual([]);
    const picture = await page.screenshot({ fullPage: true });
    expect(picture.length).toBeGreaterThan(20_000);
    const { ONLITE_SCREENSHOT: path } = process.env;
    if (path !== undefined) await page.screenshot({ path, fullPage: true });
    await page.close();
  });
});

/** The binary of the electron package, which is no dependency: it is fetched from outside a registry. */
function findElectron(): string | undefined {
  try {
    return require('electron') as string;
  } catch {
    return undefined;
  }
}

const electron = findElectron();
const electronRemedy = 'no Electron: npm install --no-save electron';
if (electron === undefined) {
  console.warn(`test/integration/electron-example.test.ts: skipped in Electron, ${electronRemedy}`);
}

describe.skipIf(electron === undefined)(electron === undefined ? electronRemedy : 'the app', () => {
  it('hears the wake word', async () => {
    const args = ['--remote-debugging-port=0', '--no-sandbox', file('.')];
    const browser = await launch({ executablePath: electron!, ignoreDefaultArgs: true, args });
    try {
      const target = await browser.waitForTarget((one) => one.url().startsWith('app://'));
      await playRecording((await target.page())!);
    } finally {
      await browser.close();
    }
  });
});
