// What onlite/watch writes for TensorBoard, read back by TensorBoard itself, and its pages opened in
// a browser. usage: tensorboard.mjs [--python PYTHON] [--screenshots DIRECTORY]
import { deepEqual, match, ok } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { TensorBoardWriter } from 'onlite/watch';
import puppeteer from 'puppeteer-core';

import { managedPython, runOrThrow } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values } = parseArgs({
  options: { python: { type: 'string' }, screenshots: { type: 'string' } },
});
const python = values.python ?? managedPython('tensorboard-venv', join(here, 'tensorboard.txt'));

const folder = mkdtempSync(join(tmpdir(), 'onlite-tensorboard-'));

/** A run with all that the writer knows. */
async function write(name, rate) {
  const writer = new TensorBoardWriter(join(folder, name));
  writer.hyperParameters({ rate, optimiser: 'adam', nesterov: true }, ['accuracy']);
  writer.layout([
    {
      title: 'Latency',
      charts: [
        { title: 'percentiles', tags: ['latency/.*'] },
        {
          title: 'median',
          series: [{ value: 'latency/p50', lower: 'latency/p10', upper: 'latency/p90' }],
        },
      ],
    },
  ]);
  for (let step = 0; step < 50; step++) {
    writer.scalar('accuracy', 1 - Math.exp(-rate * (step + 1)), { step });
    for (const percent of [10, 50, 90])
      writer.scalar(`latency/p${percent}`, percent / 10, { step });
    const normal = Array.from({ length: 500 }, (_, i) => Math.sin(i * 12.9898 + step) * rate);
    if (step % 10 === 0) writer.histogram('weights', normal, { step });
  }
  writer.text('note', '**bold** and `code`', { step: 7 });
  const pixels = Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (i * 5) % 256);
  writer.image('picture', { width: 16, height: 8, channels: 3, data: pixels }, { step: 2 });
  await writer.close();
}

function checkRead() {
  const script = join(here, 'read_tensorboard.py');
  const { stdout, stderr, status } = spawnSync(python, [script, join(folder, 'a')], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(stderr);
  const read = JSON.parse(stdout);
  deepEqual(Object.keys(read.scalars).sort(), [
    'accuracy',
    ...[10, 50, 90].map((p) => `latency/p${p}`),
  ]);
  for (const [step, value] of read.scalars.accuracy) {
    deepEqual(value, Math.fround(1 - Math.exp(-0.1 * (step + 1))));
  }
  deepEqual(read.scalars.accuracy.length, 50);
  deepEqual(
    read.histograms.weights.map(([step]) => step),
    [0, 10, 20, 30, 40],
  );
  for (const [, bars] of read.histograms.weights) {
    deepEqual(bars.length, 30);
    deepEqual(
      bars.reduce((sum, [, , count]) => sum + count, 0),
      500,
    );
  }
  deepEqual(read.texts.note, [[7, ['**bold** and `code`']]]);
  const [[step, [width, height, png]]] = read.images.picture;
  deepEqual(
    [step, ...[width, height].map((hex) => Buffer.from(hex, 'hex').toString())],
    [2, '16', '8'],
  );
  ok(png.startsWith('89504e47'));
  match(read.hparams['_hparams_/experiment'], /name: "rate"\s+type: DATA_TYPE_FLOAT64/);
  match(read.hparams['_hparams_/experiment'], /tag: "accuracy"/);
  match(read.hparams['_hparams_/session_start_info'], /number_value: 0\.1/);
  match(read.hparams['_hparams_/session_end_info'], /status: STATUS_SUCCESS/);
  match(read.layout, /title: "Latency"[^]*tag: "latency\/\.\*"[^]*value: "latency\/p50"/);
}

/** Starts TensorBoard, gives its address to `use`, and stops it. */
async function withTensorBoard(use) {
  const args = ['--logdir', folder, '--port', '0', '--host', '127.0.0.1', '--load_fast', 'false'];
  const server = spawn(join(dirname(python), 'tensorboard'), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    for await (const line of createInterface({ input: server.stderr })) {
      const [address] = /http:\/\/[\d.:]+/.exec(line) ?? [];
      if (address) return await use(address);
    }
    throw new Error('TensorBoard did not start');
  } finally {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
}

/** What each page has to show. */
const pages = {
  timeseries: 'accuracy',
  scalars: 'latency',
  custom_scalars: 'percentiles',
  histograms: 'weights',
  images: 'picture',
  text: 'note',
  hparams: 'optimiser',
};

/** The text of a page, that of its components too. */
const textOf = () => {
  const { document } = globalThis;
  const parts = [];
  const walk = (node) => {
    if (node.nodeType === 3) parts.push(node.data);
    for (const child of node.childNodes) walk(child);
    if (node.shadowRoot) walk(node.shadowRoot);
  };
  walk(document.body);
  return parts.join(' ');
};

async function checkPages(address) {
  const browser = await puppeteer.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    for (const [name, expected] of Object.entries(pages)) {
      await page.goto(`${address}/#${name}`);
      await page.reload();
      await page.waitForFunction(`(${textOf})().includes(${JSON.stringify(expected)})`, {
        timeout: 60_000,
      });
      if (!values.screenshots) continue;
      mkdirSync(values.screenshots, { recursive: true });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await page.screenshot({ path: join(values.screenshots, `${name}.png`) });
    }
  } finally {
    await browser.close();
  }
}

try {
  runOrThrow(python, ['-c', 'import tensorboard']);
  await write('a', 0.1);
  await write('b', 0.3);
  checkRead();
  console.log('TensorBoard reads what was written');
  await withTensorBoard(checkPages);
  console.log(`TensorBoard shows ${Object.keys(pages).join(', ')}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
