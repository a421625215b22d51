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

export async function run(context) {
  for (const { name: caseName, target, figure: line, ...rest } of cases) {
    await context.case({ name: caseName, unit: 'ratio', target, figure: line }, () =>
      compare(context, { name: caseName, ...rest }),
    );
  }
  await heapAndAllocations(context);
}
