import { interleave, sampleAsync } from 'onlite/bench';

import { fromInterleaved } from '../harness/context.mjs';
import { feedsFor, createSession, bindingFor, outputsFor } from '../harness/subject.mjs';
import { againstRaw } from '../harness/against-raw.mjs';
import { heapAndAllocations } from '../harness/heap.mjs';
import { WAKE_WORD } from '../models/models.mjs';

export const name = 'tiny';
export const description = 'models of microseconds: the cost of a run itself';

const runsOf = {
  bound: (session) => {
    const binding = bindingFor(session);
    return () => binding.runSync();
  },
  arrays: (session) => {
    const binding = session.bind({ inputs: feedsFor(session), outputs: outputsFor(session) });
    return () => binding.runSync();
  },
  feeds: (session) => {
    const feeds = feedsFor(session);
    return () => session.runSync(feeds);
  },
  fetches: (session) => {
    const feeds = feedsFor(session);
    const fetches = outputsFor(session);
    return () => session.runSync(feeds, fetches);
  },
};

async function compare(context, { options, kind, ...rest }) {
  const session = await createSession(rest.model, options);
  try {
    return await againstRaw(context, { run: runsOf[kind](session), ...rest });
  } finally {
    await session.release();
  }
}

const figure = {
  bound: 'bound `runSync`, Add, latency on / off',
  arrays: 'bound `runSync` over ordinary arrays, Add',
  feeds: '`runSync(feeds)` without binding, Add',
};

const cases = [
  {
    name: 'Add, bound runSync / RunWithBinding',
    target: { atMost: 1.25 },
    figure: figure.bound,
    model: 'add.onnx',
    kind: 'bound',
  },
  {
    name: 'Add, bound runSync, latency off / RunWithBinding',
    target: { atMost: 1.12 },
    figure: figure.bound,
    model: 'add.onnx',
    kind: 'bound',
    options: { latency: false },
  },
  {
    name: 'Add, bound runSync, ordinary arrays / RunWithBinding',
    target: { atMost: 1.15 },
    figure: figure.arrays,
    model: 'add.onnx',
    kind: 'arrays',
  },
  {
    name: 'Add, runSync(feeds) / RunWithBinding',
    target: { atMost: 3 },
    figure: figure.feeds,
    model: 'add.onnx',
    kind: 'feeds',
  },
  {
    name: 'Add, runSync(feeds), latency off / RunWithBinding',
    model: 'add.onnx',
    kind: 'feeds',
    options: { latency: false },
  },
  {
    name: 'Add, runSync(feeds) / Run, new outputs',
    model: 'add.onnx',
    kind: 'feeds',
    mode: 'fresh',
  },
  {
    name: 'Add, runSync(feeds, fetches) / Run, given outputs',
    model: 'add.onnx',
    kind: 'fetches',
    mode: 'given',
  },
  { name: 'wake word, bound runSync / Invoke', model: WAKE_WORD, kind: 'bound' },
  {
    name: 'wake word, runSync(feeds) / copy, Invoke, copy',
    model: WAKE_WORD,
    kind: 'feeds',
    mode: 'given',
  },
];

/** Ways of making the same run of which the inline one may cost no more than the second. */
const inlineCases = [
  { way: 'inline / runSync', run: (session, feeds) => () => session.runSync(feeds) },
  {
    way: 'inline / on a thread',
    options: { inline: 'never' },
    run: (session, feeds) => () => session.run(feeds),
  },
];

/** `await run(feeds)` on the calling thread against the same in another way, medians. */
async function againstOther(context, name, { model, options, run }) {
  const { warmUpMs, sliceMs } = context.pace;
  const session = await createSession(model, { inline: { maxMicroseconds: 1000 } });
  const other = await createSession(model, options);
  try {
    const feeds = feedsFor(session);
    const sides = [() => session.run(feeds), run(other, feeds)];
    for (const side of sides) await sampleAsync(side, { ms: warmUpMs });
    const [subject, baseline] = sides.map((side) => () => sampleAsync(side, { ms: sliceMs }));
    const result = await interleave({ subject, baseline, ...context.repetitions(name) });
    return fromInterleaved(result, { sides: ['inline', 'other'], inlineRuns: session.inlineRuns });
  } finally {
    await session.release();
    await other.release();
  }
}

export async function run(context) {
  for (const { name: caseName, target, figure: line, ...rest } of cases) {
    await context.case({ name: caseName, unit: 'ratio', target, figure: line }, () =>
      compare(context, { name: caseName, ...rest }),
    );
  }
  for (const model of ['add.onnx', WAKE_WORD]) {
    for (const { way, ...rest } of inlineCases) {
      const caseName = `${model}, await run(feeds): ${way}`;
      await context.case({ name: caseName, unit: 'ratio' }, () =>
        againstOther(context, caseName, { model, ...rest }),
      );
    }
  }
  await heapAndAllocations(context);
}
