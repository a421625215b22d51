// Makes the calls [first, last) of a seed, right ones and wrong ones, each under a polluted
// prototype. Any outcome will do but a crash, a hang, or a session that is broken afterwards.
import { readFileSync } from 'node:fs';

import { InferenceSession } from 'onlite';

import { families, goodFeeds } from './call-families.mjs';
import { summary } from './outcome.mjs';
import { pollutions } from './pollution.mjs';
import { Random } from './random.mjs';
import { report } from './report.mjs';

const { seed, file, first, last } = JSON.parse(process.argv[2]);

const session = await InferenceSession.create(file);
const releasedSession = await InferenceSession.create(file);
await releasedSession.release();
const model = { file, bytes: readFileSync(file), session, releasedSession };
const wrong = Object.entries(families);
const right = [
  ['run', () => session.run(goodFeeds())],
  ['runSync', () => session.runSync(goodFeeds())],
  ['fetches', () => session.run(goodFeeds(), ['sum'])],
  ['fetch object', () => session.runSync(goodFeeds(), { sum: null })],
  ['tag', () => session.run(goodFeeds(), { tag: 'tag' })],
  ['create', () => InferenceSession.create(file)],
  ['create from bytes', () => InferenceSession.create(model.bytes)],
  ['create, no model', () => InferenceSession.create(Uint8Array.of(1, 2, 3))],
  ['reset', () => session.resetVariables()],
];
const counts = { errors: 0, results: 0 };

process.on('unhandledRejection', () => {});

/** The outcome under a pollution, which is gone again before it is looked at. */
function outcome(install, call) {
  let timer;
  // First: Node's own timers do not withstand an accessor on Array.prototype.
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, 5000, { problem: 'not settled after 5 s' });
  });
  const undo = install();
  const ended = new Promise((resolve) => {
    try {
      Promise.resolve(call()).then(
        (result) => resolve({ result }),
        (error) => resolve({ error }),
      );
    } catch (error) {
      resolve({ error });
    }
  });
  return Promise.race([ended, late]).then((end) => {
    undo();
    clearTimeout(timer);
    return end;
  });
}

for (let number = first; number < last; number++) {
  const random = Random.for(seed, session.engine, 'polluted', number);
  const [pollution, install] = pollutions[number % pollutions.length];
  const isRight = random.oneIn(2);
  const [name, make] = random.pick(isRight ? right : wrong);
  const { label, call } = isRight ? { label: '', call: make } : make(random, model);
  if (/sparse|timeoutMs/.test(label)) continue;
  report({ number, pollution, call: name, label });
  const { problem, error, result } = await outcome(install, call);
  if (problem !== undefined) report({ bad: problem, number, pollution, call: name, label });
  if (error === undefined) counts.results++;
  else counts.errors++;
  if (result instanceof InferenceSession && result !== session) await result.release();
}

try {
  const { sum } = await session.run(goodFeeds());
  if (sum.data.join() !== '1,2,3,4') report({ bad: `wrong result afterwards: ${sum.data}` });
} catch (error) {
  report({ bad: `broken afterwards: ${summary(error)}` });
}
report({ done: counts });
process.exit(0);
