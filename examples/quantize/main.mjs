// Has a network that reads digits computed in integers, and shows what both make of some of them.
// usage: main.mjs [FOLDER for the model and the report]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InferenceSession, Tensor } from 'onlite';

const SIZE = 8;
const SHADES = ' .:-=+*#%@';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const digits = path('../../test/fixtures/digits/');
const folder = process.argv[2] ?? path('out/');
const [float, int8] = [`${digits}cnn.onnx`, join(folder, 'digits_int8.onnx')];

/** The command that does it all: simplify, calibrate, quantise, measure, judge, report. */
function quantize() {
  const options = [
    ...['--data', `${digits}calibration.npz`], // 100 images that show the activations' ranges
    ...['--test', `${digits}heldout.npz`], // 599 others with their labels
    ...['--max-accuracy-loss', '0.005'],
    ...['--min-speedup', '0'], // a network this small gets smaller, not quicker
    ...['--report', join(folder, 'report.html')],
  ];
  const command = path('../../dist/cli/main.js');
  const { status } = spawnSync(process.execPath, [command, 'quantize', float, int8, ...options], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** A few digits in 16 shades, as scikit-learn's data has them. */
const shown = JSON.parse(readFileSync(path('digits.json'), 'utf8'));
const images = shown.map(({ shades }) => Float32Array.from(shades, (value) => value / 16));

async function read(file) {
  const session = await InferenceSession.create(file);
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  const answers = [];
  for (const image of images) {
    const feeds = { [input]: new Tensor('float32', image, [1, 1, SIZE, SIZE]) };
    const { data } = session.runSync(feeds)[output];
    answers.push(data.indexOf(Math.max(...data)));
  }
  await session.release();
  return answers;
}

const shade = (value) => SHADES[Math.round(value * (SHADES.length - 1))] ?? ' ';

function drawing() {
  const rows = Array.from({ length: SIZE }, (_, row) =>
    images.map((image) => Array.from(image.subarray(row * SIZE, (row + 1) * SIZE), shade).join('')),
  );
  return rows.map((row) => row.join('    ')).join('\n');
}

const line = (answers, name) =>
  console.log(answers.map((answer) => String(answer).padEnd(SIZE + 4)).join('') + name);

mkdirSync(folder, { recursive: true });
quantize();
console.log(`\n${drawing()}`);
line(
  shown.map(({ digit }) => digit),
  'truth',
);
for (const [name, file] of [
  ['float32', float],
  ['int8', int8],
]) {
  line(await read(file), name);
}
console.log(`\nreport: ${join(folder, 'report.html')}`);
