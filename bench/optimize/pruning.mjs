// A trained ResNet pruned in one go, without training: accuracy, size and latency of what is left.
import { join } from 'node:path';

import { Skip } from '../harness/skip.mjs';
import { latencyRatio } from './latency.mjs';
import { filesOf } from './models.mjs';
import { onlite } from './onlite.mjs';

const MODEL = 'resnet';

/** In the order of docs/prune.md: what is pruned, and the accuracy in per cent that must be left. */
const VARIANTS = [
  { what: 'half of the weights', words: ['--sparsity', '0.5'], accuracy: 97 },
  { what: '2:4', words: ['--pattern', '2:4'], accuracy: 97 },
  {
    what: '30 % of channels',
    words: ['--structured', 'channel', '--sparsity', '0.3'],
    accuracy: 98,
    isQuicker: true,
  },
  { what: '32 values a layer', words: ['--clusters', '32'] },
];

const pruningFigures = {
  accuracy: 'pruned without training: ResNet, accuracy',
  latency: 'pruned: ResNet, time that is left / multiplications that are left',
};

/** How much more of the time than of the multiplications may be left. */
const MOST_TIME = 1.2;

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const matched = ({ candidates }) => candidates.find(({ name }) => name.endsWith('matched'));

/** What gzip makes of all weights, as a share of what it made of them before. */
function compressedShare({ layers }) {
  const total = (side) => layers.reduce((sum, layer) => sum + layer.compressedBytes[side], 0);
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes[0], 0);
  return `gzip makes ${percent(total(1) / bytes)} of the weights' bytes (${percent(total(0) / bytes)} before)`;
}

export async function pruning(context, folder) {
  for (const { what, words, accuracy, isQuicker } of VARIANTS) {
    const path = join(folder, `${MODEL}-pruned.onnx`);
    let made;
    const prune = () => {
      const { model, calibration, heldOut } = filesOf(MODEL);
      const data = ['--data', calibration, '--test', heldOut, '--threads', '1'];
      const all = ['prune', model, path, ...words, ...data, '--no-speed', '--force'];
      made ??= onlite(all, folder).document;
      return made;
    };
    const target = accuracy === undefined ? {} : { target: { atLeast: accuracy } };
    await context.case(
      {
        name: `${MODEL}, pruned: ${what}, accuracy`,
        unit: 'percent',
        ...target,
        ...(accuracy === undefined ? {} : { figure: pruningFigures.accuracy }),
      },
      () => {
        const document = prune();
        const [plain] = document.candidates;
        const found = matched(document);
        if (found?.fidelity.accuracy === undefined) throw new Skip('there are no labels');
        const [float, own] = found.fidelity.accuracy;
        const before = plain.fidelity.accuracy[1];
        const note = `float ${percent(float)}; before moments are matched ${percent(before)}; ${compressedShare(found)}`;
        return { value: 100 * own, note };
      },
    );
    if (!isQuicker) continue;
    await context.case(
      {
        name: `${MODEL}, pruned: ${what}, time / multiplications, of those before`,
        unit: 'ratio',
        target: { atMost: MOST_TIME },
        figure: pruningFigures.latency,
      },
      async () => {
        const { products } = prune();
        const left = products[1] / products[0];
        const { model, sample } = filesOf(MODEL);
        const ratio = await latencyRatio(context, folder, [model, path], sample);
        const note = `${percent(left)} of the multiplications, ${percent(ratio.value)} of the time`;
        const interval = ratio.interval.map((end) => end / left);
        return { value: ratio.value / left, interval, note };
      },
    );
  }
}
