// A service that reads digits and is watched while labels arrive late and, half-way, the pictures change.
// usage: main.mjs [--port N] [--seconds N] [--stay]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createServer } from '@onlite/server';

import { ask, metrics, pictures, tellLabels } from '../digits.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8501' },
    seconds: { type: 'string', default: '30' },
    stay: { type: 'boolean', default: false },
  },
});
const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const digits = path('../../test/fixtures/digits/');
const model = `${digits}cnn.onnx`;
const SHAPE = [1, 8, 8];
const PER_SECOND = 50;
/** Whoever looks at the pictures is behind by so much. */
const LABELS_AFTER_MS = 3000;

const folder = mkdtempSync(join(tmpdir(), 'onlite-monitored-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

// What requests are compared with: 100 pictures of the time when all was well.
const profile = join(folder, 'profile.json');
const { status } = spawnSync(
  process.execPath,
  [
    path('../../dist/cli/main.js'),
    'profile',
    `${digits}calibration.npz`,
    ...['--model', model, '--output', profile],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
if (status !== 0) process.exit(1);

const server = createServer({ statusPage: true });
await server.load({
  name: 'digits',
  version: '1',
  file: model,
  serving: {
    watch: {
      // All requests, though they come as fast as they are answered.
      sample: 1,
      log: { folder },
      labels: { folder },
      profile,
      qualityWindow: 300,
      drift: { window: 300 },
      alerts: {
        wrong: { measure: 'accuracy', below: 0.9, minRows: 100 },
        changed: { measure: 'driftedShare', above: 0.5, minRows: 100 },
      },
    },
  },
});
const { port } = await server.listen(Number(values.port));
const url = `http://127.0.0.1:${port}`;
console.log(`digits are read at ${url}; look at ${url}/status and ${url}/metrics\n`);

/** Another scanner: one pixel further down and to the right, and pale. */
const changed = ({ image, label }) => ({
  label,
  image: image.map((_, at) => {
    const [row, column] = [(Math.floor(at / 8) + 7) % 8, (at + 7) % 8];
    return 0.35 + 0.5 * image[row * 8 + column];
  }),
});

const all = pictures(`${digits}heldout.npz`);
const seconds = Number(values.seconds);
const labelling = [];
for (let second = 0; second < seconds; second += 1) {
  const hasChanged = second >= seconds / 2;
  if (second === Math.ceil(seconds / 2)) console.log('from here on another scanner');
  const some = Array.from({ length: PER_SECOND }, (_, index) => {
    const picture = all[(second * PER_SECOND + index) % all.length];
    return hasChanged ? changed(picture) : picture;
  });
  const turn = sleep(1000);
  const answers = await ask({ url }, some, `second-${second}`, SHAPE);
  labelling.push(sleep(LABELS_AFTER_MS).then(() => tellLabels({ url }, answers)));
  await turn;
  console.log(`${String(second + 1).padStart(3)} s  ${await said()}`);
}
await Promise.all(labelling);
// Metrics are a second old at most.
await sleep(1100);
console.log(`      ${await said()}, when all labels have come`);

async function said() {
  const [accuracy] = await metrics({ url }, 'onlite_watch_accuracy');
  const drifted = await metrics({ url }, 'onlite_watch_drifted');
  const alerts = (await metrics({ url }, 'onlite_watch_alert')).filter(({ value }) => value === 1);
  const far = drifted.filter(({ value }) => value === 1).length;
  return [
    `accuracy ${accuracy === undefined ? 'not known yet' : accuracy.value.toFixed(3)}`,
    `${far} of ${drifted.length} features have drifted`,
    ...alerts.map(({ labels }) => `alert: ${labels.alert}`),
  ].join(', ');
}

if (values.stay) console.log(`\nCtrl-C ends it; until then ${url}/status`);
else await server.close();
