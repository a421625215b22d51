// Makes the wrong calls [first, last) of a seed on a model and judges what comes of them.
import { readFileSync } from 'node:fs';

import { InferenceSession } from 'onlite';

import { isAccepted } from './accepted.mjs';
import { families, goodFeeds } from './call-families.mjs';
import { isTyped, summary } from './outcome.mjs';
import { Random } from './random.mjs';
import { report } from './report.mjs';
import { OwnError } from './values.mjs';

const { seed, file, first, last } = JSON.parse(process.argv[2]);

const session = await InferenceSession.create(file);
const releasedSession = await InferenceSession.create(file);
await releasedSession.release();
const model = { file, bytes: readFileSync(file), session, releasedSession };
const names = Object.keys(families);
const counts = { refused: 0, own: 0, accepted: 0 };

/** Undefined if the outcome is a right one. */
function judgeError(spec, isLegitimate, error) {
  if (error instanceof OwnError) {
    counts.own++;
    return undefined;
  }
  if (error instanceof TypeError && (spec.refusedByEngine || /revoked/.test(error.message))) {
    counts.own++;
    return undefined;
  }
  if (!isTyped(error)) return `an error of another class: ${summary(error)}`;
  counts.refused++;
  // A run that was given up for a time-out may still hold its interpreter.
  if (error.code === 'ERR_BUSY') return undefined;
  if (isLegitimate || spec.path.test(error.message)) return undefined;
  return `a message without ${spec.path}: ${summary(error)}`;
}

/** A promise that is not settled is as bad as a thread that hangs. */
function settled(promise) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('not settled after 10 s')), 10_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function judge(family, spec) {
  const isLegitimate = isAccepted(family, spec.label, session.engine);
  try {
    const result = await settled(Promise.resolve().then(spec.call));
    if (result instanceof InferenceSession && result !== session) await result.release();
  } catch (error) {
    return judgeError(spec, isLegitimate, error);
  }
  counts.accepted++;
  return isLegitimate ? undefined : 'no error';
}

process.on('unhandledRejection', (error) => {
  report({ bad: `unhandled: ${summary(error)}` });
});

for (let number = first; number < last; number++) {
  const random = Random.for(seed, session.engine, number);
  const family = names[number % names.length];
  const spec = families[family](random, model);
  report({ number, family, label: spec.label });
  const problem = await judge(family, spec);
  if (problem !== undefined) report({ bad: problem, number, family, label: spec.label });
}

// Whatever came before, the session works.
await session.run(goodFeeds());
report({ done: counts });
process.exit(0);
