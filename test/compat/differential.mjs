// Reports what a package takes of all that a program may ask for: each case with the value that it
// came to, or null where it was refused. Knows nothing of the package it is given.
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { report } from '../lifecycle/children/cases.mjs';

const ort = createRequire(import.meta.url)(process.argv[2]);
const { InferenceSession, Tensor } = ort;
const warnings = [];
process.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));

const model = (name) => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
const create = (options, name = 'add4.onnx') => InferenceSession.create(model(name), options);
const floats = (...values) => new Tensor('float32', values);
const add = () => ({ a: floats(1, 2, 3, 4), b: floats(1, 1, 1, 1) });

const values = [null, 'x', '1', 1, 1.5, -1, true, {}, [], 0];
const sessionOptions = [
  'executionProviders',
  'intraOpNumThreads',
  'interOpNumThreads',
  'freeDimensionOverrides',
  'graphOptimizationLevel',
  'enableCpuMemArena',
  'enableMemPattern',
  'executionMode',
  'enableProfiling',
  'profileFilePrefix',
  'logId',
  'logSeverityLevel',
  'logVerbosityLevel',
  'preferredOutputLocation',
  'enableGraphCapture',
  'extra',
  'externalData',
  'concurrency',
  'noSuchOption',
];
const runOptions = [
  'logSeverityLevel',
  'logVerbosityLevel',
  'terminate',
  'tag',
  'extra',
  'signal',
  'timeoutMs',
  'noSuchOption',
];
const providers = {
  none: [],
  null: [null],
  'one that is not there': ['no such provider', 'cpu'],
  'only one that is not there': ['no such provider'],
  'a number as an option': [{ name: 'cpu', useArena: 1 }],
  'a list as an option': [{ name: 'cpu', nodes: ['a'] }],
  'an object as an option': [{ name: 'cpu', device: {} }],
  'one twice': ['cpu', 'cpu'],
  'without a name': [{}],
};

/** The outputs' data of a run. */
async function sums(session, ...args) {
  const result = await session.run(...args);
  return Object.fromEntries(Object.entries(result).map(([name, { data }]) => [name, [...data]]));
}

async function withSession(use, ...args) {
  const session = await create(...args);
  const result = await use(session);
  await session.release();
  return result;
}

const cases = {};
// Files that a library writes for an option land here.
process.chdir(process.argv[3] ?? join(tmpdir()));
for (const option of sessionOptions) {
  for (const value of values) {
    cases[`session: ${option}: ${JSON.stringify(value)}`] = () =>
      withSession((session) => sums(session, add()), { [option]: value });
  }
}
for (const [name, executionProviders] of Object.entries(providers)) {
  cases[`providers: ${name}`] = () =>
    withSession((session) => sums(session, add()), { executionProviders });
}
const shape = async (session) => {
  const x = new Tensor('float32', new Float32Array(32), [2, 16]);
  return (await session.run({ x })).probabilities.dims;
};
cases['a free dimension that is not there'] = () =>
  withSession(shape, { freeDimensionOverrides: { nothing: 3 } }, 'mlp.onnx');
cases['a free dimension beside one that is not there'] = () =>
  withSession(shape, { freeDimensionOverrides: { nothing: 3, batch: 2 } }, 'mlp.onnx');
cases['a free dimension that is no number'] = () =>
  withSession(shape, { freeDimensionOverrides: { batch: '3' } }, 'mlp.onnx');

for (const option of runOptions) {
  for (const value of values) {
    cases[`run: ${option}: ${JSON.stringify(value)}`] = () =>
      withSession((session) => sums(session, add(), { [option]: value }));
  }
}
const feeds = {
  'one too many': () => ({ ...add(), c: floats(1) }),
  'one too many, of null': () => ({ ...add(), c: null }),
  'one too many, of a string': () => ({ ...add(), c: 'hello' }),
  inherited: () => Object.create(add()),
  'a proxy': () => new Proxy(add(), {}),
  'a Map': () => new Map(Object.entries(add())),
  'one missing': () => ({ a: floats(1, 2, 3, 4) }),
  'another rank': () => ({ ...add(), a: new Tensor('float32', [1, 2, 3, 4], [1, 4]) }),
  'another type': () => ({ ...add(), a: new Tensor('int32', [1, 2, 3, 4]) }),
};
for (const [name, make] of Object.entries(feeds)) {
  cases[`feeds: ${name}`] = () => withSession((session) => sums(session, make()));
}
const fetches = {
  'a name that is not there, in a list': ['nothing'],
  'a name that is not there, beside one that is': { sum: null, nothing: null },
  'a number': { sum: 1 },
  undefined: { sum: undefined },
  twice: ['sum', 'sum'],
  none: [],
  'another type': { sum: new Tensor('int32', [0, 0, 0, 0]) },
  'another shape': { sum: new Tensor('float32', [0, 0]) },
  'another rank': { sum: new Tensor('float32', [0, 0, 0, 0], [2, 2]) },
};
for (const [name, fetch] of Object.entries(fetches)) {
  cases[`fetches: ${name}`] = () => withSession((session) => sums(session, add(), fetch));
}
cases['fetches are written to'] = () =>
  withSession(async (session) => {
    const given = floats(0, 0, 0, 0);
    const { sum } = await session.run(add(), { sum: given });
    return [[...given.data], [...sum.data]];
  });
cases['five thousand runs at once'] = () =>
  withSession(async (session) => {
    const runs = Array.from({ length: 5000 }, () => session.run(add()));
    return (await Promise.all(runs)).length;
  });
cases['a result is one of the package’s tensors'] = () =>
  withSession(async (session) => {
    const { sum } = await session.run(add());
    const { constructor } = sum;
    return [Object.keys(sum), constructor === Tensor, JSON.stringify(sum), structuredClone(sum)];
  });
cases.metadata = () =>
  withSession(({ inputNames, outputNames, inputMetadata, outputMetadata }) => ({
    inputNames,
    outputNames,
    inputMetadata,
    outputMetadata,
  }));
cases['metadata of a dynamic model'] = () =>
  withSession(
    ({ inputMetadata, outputMetadata }) => [inputMetadata, outputMetadata],
    {},
    'mlp.onnx',
  );
cases['profiling that was not asked for'] = () =>
  withSession((session) => [session.startProfiling(), session.endProfiling()]);
cases['a released session'] = async () => {
  const session = await create();
  await session.release();
  return sums(session, add());
};
cases['a model that is not there'] = () => create({}, 'no such model.onnx');
cases['options of null'] = () => create(null);
cases.names = () => Object.keys(ort).sort();
cases.versions = () => ort.env.versions;
cases.backends = () => ort.listSupportedBackends();
cases['the class of onnxruntime-common'] = () =>
  new Tensor('float32', [1]) instanceof createRequire(process.argv[1])('onnxruntime-common').Tensor;

for (const [name, run] of Object.entries(cases)) {
  let value;
  try {
    value = JSON.stringify(await run()) ?? 'undefined';
  } catch {
    value = null;
  }
  report({ name, value });
}
await new Promise((resolve) => setImmediate(resolve));
report({ name: 'warnings', value: warnings });
