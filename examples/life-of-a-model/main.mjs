// The whole life of a model: trained in Keras, converted, quantised, signed, served, watched, trained again
// when the world has changed, rolled out, and rolled back.
// usage: npm run example:life [-- --epochs N] [--small] [--yes] [--out FOLDER] [--mlflow URI]
// --small: a shorter training, fewer requests and no speeds, for a machine that only sees that it works;
// --yes: fetches Python's packages without asking
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { TensorBoardWriter } from 'onlite/watch';

import { ask, metrics, pictures, right, share, tellLabels } from '../digits.mjs';
import { environments, must, onlite, python, serve, title } from './steps.mjs';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string' },
    small: { type: 'boolean' },
    yes: { type: 'boolean' },
    out: { type: 'string', default: fileURLToPath(new URL('out', import.meta.url)) },
    mlflow: { type: 'string' },
  },
});
const { small = false, epochs = small ? '5' : '20' } = values;
const speeds = small ? ['--no-speed'] : [];
const out = (...parts) => join(values.out, ...parts);
/** Of a picture, as Keras has it. */
const SHAPE = [8, 8, 1];
await environments(['sklearn', 'tensorflow'], values);
const started = performance.now();
rmSync(values.out, { recursive: true, force: true });
for (const folder of ['work', 'models/digits', 'watch'])
  mkdirSync(out(folder), { recursive: true });
const work = (name) => out('work', name);

// ---------------------------------------------------------------------------------------------------
title('Train a network that reads digits, in Keras');
await python('sklearn', 'data.py', out('work'));
await python('tensorflow', 'train.py', work('digits.keras'), epochs, work('train.npz'));

title('Convert it: to TensorFlow Lite, and to ONNX. Each is run beside the original');
onlite('convert', work('digits.keras'), work('digits.tflite'), '--dynamic-batch', '--yes');
onlite('convert', work('digits.keras'), work('digits.onnx'), '--dynamic-batch', '--yes');

title('Simplify the one, and quantise both to int8. A guard says whether they may be shipped');
onlite('optimize', work('digits.onnx'), work('digits.simple.onnx'), ...speeds);
const quantized = {};
for (const [format, from] of Object.entries({
  tflite: 'digits.tflite',
  onnx: 'digits.simple.onnx',
})) {
  const to = work(`digits.int8.${format}`);
  const data = ['--data', work('calibration.npz'), '--test', work('test.npz')];
  // So small a network gets smaller, not quicker.
  onlite('quantize', work(from), to, ...data, '--min-speedup', '0', '--no-speed');
  quantized[format] = to;
}

title('Compare them: accuracy, speed, size');
const models = [work('digits.tflite'), quantized.tflite, work('digits.onnx'), quantized.onnx];
process.stdout.write(onlite('compare', ...models, '--data', work('test.npz'), ...speeds));

// ---------------------------------------------------------------------------------------------------
title('Keep it safe: encrypted, and signed by its owner');
const owner = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
writeFileSync(work('owner.pem'), owner.privateKey.export({ type: 'pkcs8', format: 'pem' }));
writeFileSync(work('owner.pub'), owner.publicKey.export({ type: 'spki', format: 'pem' }));
writeFileSync(work('model.key'), randomBytes(32).toString('hex'), { mode: 0o600 });

/** Puts a model into the repository as a version: its profile beside it, encrypted, signed, renamed into place. */
function publish(model, version, data) {
  const folder = work(`version-${version}`);
  mkdirSync(folder);
  onlite('profile', data, '--model', model, '--output', join(folder, 'profile.json'));
  const secret = join(folder, 'model.tflite');
  onlite('encrypt', model, secret, '--key-file', work('model.key'), '--key-id', 'digits');
  onlite('sign', folder, '--key', work('owner.pem'));
  renameSync(folder, out('models/digits', version));
}
publish(quantized.tflite, '1', work('train.npz'));

title('Serve version 1, and watch it');
writeFileSync(
  out('server.json'),
  JSON.stringify(
    {
      restPort: 0,
      grpcPort: false,
      managementPort: 0,
      modelBasePath: 'models',
      stateFile: 'state.json',
      pollSeconds: 1,
      models: {
        digits: {
          config: {
            watch: {
              // All requests, though they come as fast as they are answered.
              sample: 1,
              log: { folder: 'watch' },
              labels: { folder: 'watch' },
              profile: 'profile.json',
              qualityWindow: 300,
              drift: { window: 300 },
              alerts: { wrong: { measure: 'accuracy', below: 0.8, minRows: 100 } },
            },
          },
        },
      },
    },
    null,
    2,
  ),
);
const server = await serve(
  out('server.json'),
  ...['--trusted-key', work('owner.pub'), '--key-file', work('model.key')],
);
/** All answers; one that is none ends this program. */
const asked = [];
const board = new TensorBoardWriter(out('tensorboard'));
let round = 0;

/** What the watch says of each version that has labels. */
async function tellHowItIs() {
  round += 1;
  const drifts = await metrics(server, 'onlite_watch_drifted');
  for (const { labels, value } of await metrics(server, 'onlite_watch_accuracy')) {
    const { version } = labels;
    const own = drifts.filter(({ labels: { version: of } }) => of === version);
    const drifted = own.filter(({ value: is }) => is === 1).length;
    console.log(
      `version ${version}: accuracy ${value.toFixed(3)}, ${drifted} of ${own.length} features have drifted`,
    );
    board.scalar(`accuracy/version ${version}`, value, { step: round });
    board.scalar(`drifted/version ${version}`, drifted / own.length, { step: round });
  }
  for (const { labels, value } of await metrics(server, 'onlite_watch_alert')) {
    if (value === 1) console.log(`alert of version ${labels.version}: ${labels.alert}`);
  }
}

/** Requests, then their labels, then what the watch makes of them. */
async function traffic(file, prefix) {
  const chosen = pictures(file).slice(0, small ? 150 : Infinity);
  const answers = await ask(server, chosen, prefix, SHAPE);
  asked.push(...answers);
  // Whoever looks at the pictures takes longer.
  await sleep(500);
  const { joined } = await tellLabels(server, answers);
  for (const [version, some] of Object.entries(grouped(answers))) {
    console.log(
      `${some.length} requests to version ${version}: ${share(right(some), some.length)} right`,
    );
  }
  console.log(`${joined} labels have come later, and found their predictions`);
  await tellHowItIs();
  return answers;
}

const accuracy = (answers) => right(answers) / answers.length;

function grouped(answers) {
  const groups = {};
  for (const answer of answers) (groups[answer.version] ??= []).push(answer);
  return groups;
}

const monday = await traffic(work('live.npz'), 'monday');
must(accuracy(monday) > 0.8, 'version 1 has learned to read');

// ---------------------------------------------------------------------------------------------------
title('The world changes: another scanner, whose pictures are pale and shifted');
const tuesday = await traffic(work('shifted.npz'), 'tuesday');
must(accuracy(tuesday) < 0.5, 'version 1 does not read the new pictures');
const alerts = await metrics(server, 'onlite_watch_alert');
must(
  alerts.some(({ value }) => value === 1),
  'the watch has noticed',
);

title('Go on training with what was labelled since, and make version 2 the same way');
await python(
  'tensorflow',
  'train.py',
  work('digits-2.keras'),
  String(Math.ceil(Number(epochs) / 2)),
  ...[work('train.npz'), work('shifted-train.npz')],
  ...['--from', work('digits.keras')],
);
const manage = (...command) => onlite('models', ...command, '--server', server.management);
// Until it has shown what it can, requests stay with version 1.
manage('pin', 'digits', '1');
onlite('convert', work('digits-2.keras'), work('digits-2.tflite'), '--dynamic-batch', '--yes');
onlite(
  'quantize',
  ...[work('digits-2.tflite'), work('digits-2.int8.tflite')],
  ...['--data', work('shifted-train.npz'), '--test', work('shifted.npz'), '--samples', '200'],
  ...['--min-speedup', '0', '--no-speed'],
);
publish(work('digits-2.int8.tflite'), '2', work('shifted-train.npz'));

title('A canary: version 2 has 10 % of the requests');
// Files that were written just now are not read.
await sleep(3000);
manage('canary', 'digits', '2', '10');
const wednesday = await traffic(work('shifted.npz'), 'wednesday');
must(new Set(wednesday.map(({ version }) => version)).size === 2, 'both versions answer');

title(
  'It reads the new pictures: promote it. All requests are its own, and none has failed meanwhile',
);
manage('promote', 'digits');
const thursday = await traffic(work('shifted.npz'), 'thursday');
must(
  thursday.every(({ version }) => version === '2'),
  'version 2 has all requests',
);
must(accuracy(thursday) > 0.7, 'version 2 reads the new pictures');

title('And back again, as one would in the night: one command, no restart');
manage('rollback', 'digits', '1');
const one = pictures(work('shifted.npz')).slice(0, 1);
const [first] = await ask(server, one, 'friday', SHAPE);
console.log(`version ${first.version} answers`);
manage('load', 'digits', '2');
manage('pin', 'digits', '2');
const [last] = await ask(server, one, 'saturday', SHAPE);
asked.push(first, last);
console.log(`version ${last.version} answers`);

// ---------------------------------------------------------------------------------------------------
title('What is left of it');
const perVersion = Object.entries(grouped(asked)).map(
  ([version, some]) => `${some.length} to version ${version}`,
);
console.log(`${asked.length} requests, ${perVersion.join(', ')}; none has failed`);
await server.end();
await board.close();
copyFileSync(work('digits-2.int8.tflite'), out('digits.tflite'));
const labels = asked.map(({ requestId, label }) => JSON.stringify({ requestId, label }));
writeFileSync(out('labels.jsonl'), `${labels.join('\n')}\n`);
onlite(
  ...['report', out('watch/digits/1'), out('watch/digits/2'), '--labels', out('labels.jsonl')],
  ...['--profile', out('models/digits/1/profile.json'), '--output', out('report.html')],
  ...(values.mlflow === undefined ? [] : ['--mlflow', values.mlflow]),
);
console.log(`
the model           ${out('digits.tflite')} (${statSync(out('digits.tflite')).size} bytes)
a page about it     ${out('report.html')}
predictions         ${out('watch')}
TensorBoard         tensorboard --logdir ${out('tensorboard')}

${((performance.now() - started) / 1000).toFixed(0)} s`);
