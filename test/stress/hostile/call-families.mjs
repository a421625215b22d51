import { InferenceSession, Tensor, dequantize, quantize, runtimeInfo } from 'onlite';

import { detached, hostileValues } from './values.mjs';

/**
 * Families of wrong calls. Each makes one call from a random generator and the
 * model at hand: {label, path, call}. The error's message has to match `path`,
 * the place of what is wrong; `label` names the wrong value, and is what
 * accepted.mjs lists where such a value is legitimate after all.
 */

/** add4's inputs, as they should be. */
export function goodFeeds() {
  return {
    a: new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]),
    b: new Tensor('float32', new Float32Array(4), [4]),
  };
}

function hostile(random) {
  const [label, make] = random.pick(hostileValues);
  return { label, value: make() };
}

/** run or runSync of a session; both throw the same. */
function runner(random, session) {
  return random.oneIn(2)
    ? (...args) => session.run(...args)
    : (...args) => Promise.resolve().then(() => session.runSync(...args));
}

function source(random) {
  const { label, value } = hostile(random);
  return { label, path: /model|TensorFlow/, call: () => InferenceSession.create(value) };
}

function sourceRange(random, { bytes }) {
  const buffer = Uint8Array.from(bytes).buffer;
  const first = hostile(random);
  const second = hostile(random);
  const third = hostile(random);
  return {
    label: `${first.label}, ${second.label}, ${third.label}`,
    path: /model|byteOffset|byteLength|options|TensorFlow/,
    call: () => InferenceSession.create(buffer, first.value, second.value, third.value),
  };
}

const sessionKeys = [
  'executionProviders',
  'intraOpNumThreads',
  'interOpNumThreads',
  'concurrency',
  'maxQueue',
  'mmap',
  'latency',
  'externalData',
  'freeDimensionOverrides',
  'graphOptimizationLevel',
  'enableCpuMemArena',
  'enableMemPattern',
  'executionMode',
  'optimizedModelFilePath',
  'enableProfiling',
  'profileFilePrefix',
  'logId',
  'logSeverityLevel',
  'logVerbosityLevel',
  'enableGraphCapture',
  'extra',
];

function sessionOption(random, { file }) {
  const key = random.pick(sessionKeys);
  const { label, value } = hostile(random);
  return {
    label: `${key}: ${label}`,
    path: new RegExp(`options\\.${key}|${key}`),
    call: () => InferenceSession.create(file, { [key]: value }),
  };
}

function sessionOptions(random, { file }) {
  const { label, value } = hostile(random);
  return { label, path: /options/, call: () => InferenceSession.create(file, value) };
}

function sessionKey(random, { file }) {
  const key = random.pick(['threads', 'Latency', '', '__proto__', 'constructor', 'toString', '0']);
  const options = {};
  Object.defineProperty(options, key, {
    value: random.pick([1, null, undefined]),
    enumerable: true,
  });
  return { label: key, path: /options/, call: () => InferenceSession.create(file, options) };
}

function provider(random, { file }) {
  const { label, value } = hostile(random);
  const [form, item] = random.pick([
    ['item', value],
    ['name', { name: value }],
    ['option', { name: 'cpu', threads: value }],
  ]);
  return {
    label: `${form}: ${label}`,
    path: /executionProviders|provider/,
    call: () => InferenceSession.create(file, { executionProviders: [item] }),
  };
}

function externalFile(random, { file }) {
  const path = hostile(random);
  const data = hostile(random);
  const item = random.oneIn(3) ? path.value : { path: path.value, data: data.value };
  return {
    label: `${path.label}, ${data.label}`,
    path: /externalData|external/,
    call: () => InferenceSession.create(file, { externalData: [item] }),
  };
}

function freeDimension(random, { file }) {
  const { label, value } = hostile(random);
  const name = random.pick(['rows', 'a', '', '__proto__', 'x\0']);
  const overrides = {};
  Object.defineProperty(overrides, name, { value, enumerable: true });
  return {
    label: `${name}: ${label}`,
    path: /freeDimensionOverrides/,
    call: () => InferenceSession.create(file, { freeDimensionOverrides: overrides }),
  };
}

function feeds(random, { session }) {
  const { label, value } = hostile(random);
  const run = runner(random, session);
  return { label, path: /feeds|inputs/, call: () => run(value) };
}

function feedForms(random, { session }) {
  const good = goodFeeds();
  const run = runner(random, session);
  const many = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`k${index}`, good.a]),
  );
  const [label, value] = random.pick([
    ['Map', new Map(Object.entries(good))],
    ['array', [good.a, good.b]],
    ['entries', Object.entries(good)],
    ['inherited', Object.create(good)],
    [
      'getters',
      new (class {
        get a() {
          return good.a;
        }
        get b() {
          return good.b;
        }
      })(),
    ],
    ['symbol keys', { [Symbol('a')]: good.a, [Symbol('b')]: good.b }],
    ['not enumerable', Object.defineProperty({ b: good.b }, 'a', { value: good.a })],
    ['1000 keys', many],
    ['1000 keys and the right ones', { ...good, ...many }],
    ['missing', { a: good.a }],
    ['empty name', { ...good, '': good.a }],
    ['own __proto__', JSON.parse('{"__proto__": 1, "a": 1}')],
    ['constructor', { ...good, constructor: good.a }],
    ['wrong case', { A: good.a, b: good.b }],
    ['lone surrogate', { ...good, '\ud800': good.a }],
    ['null', { ...good, a: null }],
    ['undefined', { ...good, b: undefined }],
    ['tensor', good.a],
    ['fetches', { ...good, sum: null }],
  ]);
  return { label, path: /feeds|inputs/, call: () => run(value) };
}

function feed(random, { session }) {
  const { label, value } = hostile(random);
  const run = runner(random, session);
  return { label, path: /inputs\.a/, call: () => run({ ...goodFeeds(), a: value }) };
}

function feedProperty(random, { session }) {
  const { label, value } = hostile(random);
  const key = random.pick(['type', 'dims', 'data', 'location']);
  const run = runner(random, session);
  const tensor = { type: 'float32', dims: [4], data: new Float32Array(4), [key]: value };
  return {
    label: `${key}: ${label}`,
    path: /inputs\.a/,
    call: () => run({ ...goodFeeds(), a: tensor }),
  };
}

const types = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
  'int4',
  'uint4',
  'complex64',
  'complex128',
  'float8e5m2',
];

const datas = [
  () => new Float32Array(4),
  () => new Float64Array(4),
  () => new Uint16Array(4),
  () => new Int8Array(4),
  () => new Uint8Array(4),
  () => new Int16Array(4),
  () => new Int32Array(4),
  () => new Uint32Array(4),
  () => new BigInt64Array(4),
  () => new BigUint64Array(4),
  () => ['a', 'b', 'c', 'd'],
  () => [1, 2, 3, 4],
  () => [1n, 2n, 3n, 4n],
  () => ['a', 1, 2n, null],
  () => new Uint8ClampedArray(4),
  () => Buffer.alloc(16),
  () => new Float32Array(5),
  () => new Float32Array(3),
  () => new Float32Array(0),
  () => new Float32Array(8).subarray(1, 4),
  () => detached(new Float32Array(4)),
];

function feedType(random, { session }) {
  const type = random.pick(types);
  const index = random.below(datas.length);
  const run = runner(random, session);
  const tensor = { type, dims: [4], data: datas[index]() };
  return {
    label: `${type} ${index}`,
    path: /inputs\.a/,
    call: () => run({ ...goodFeeds(), a: tensor }),
  };
}

const dimValues = [
  0,
  1,
  2,
  3,
  4,
  -1,
  -4,
  0.5,
  NaN,
  Infinity,
  1e308,
  2 ** 31,
  2 ** 32,
  2 ** 52,
  2 ** 53,
  '4',
  4n,
  null,
  undefined,
  [4],
  { valueOf: () => 4 },
];

/** An array, as Array.isArray sees it, of more elements than there is memory for. */
function endlessDims() {
  return new Proxy([4], {
    get: (target, key) => (key === 'length' ? 2 ** 32 - 1 : Reflect.get(target, key)),
  });
}

function feedDims(random, { session }) {
  const run = runner(random, session);
  let dims = Array.from({ length: random.below(6) }, () => random.pick(dimValues));
  if (random.oneIn(20)) dims = new Array(10_000).fill(1).concat(4);
  if (random.oneIn(20)) dims = endlessDims();
  if (random.oneIn(20)) dims = new (class extends Array {})(2, 2);
  const isRight = dims.length === 1 && dims[0] === 4;
  const tensor = { type: 'float32', dims, data: new Float32Array(4) };
  return {
    label: isRight ? 'right' : 'wrong',
    path: /inputs\.a/,
    call: () => run({ ...goodFeeds(), a: tensor }),
  };
}

function fetches(random, { session }) {
  const { label, value } = hostile(random);
  const run = runner(random, session);
  const [form, fetched] = random.pick([
    ['second', value],
    ['array', [value]],
    ['array after a name', ['sum', value]],
    ['by name', { sum: value }],
    ['beside a name', { sum: null, other: value }],
  ]);
  return {
    label: `${form}: ${label}`,
    path: /fetches|options|outputs/,
    call: () => run(goodFeeds(), fetched),
  };
}

function fetchProperty(random, { session }) {
  const { label, value } = hostile(random);
  const key = random.pick(['type', 'dims', 'data']);
  const run = runner(random, session);
  const tensor = { type: 'float32', dims: [4], data: new Float32Array(4), [key]: value };
  return {
    label: `${key}: ${label}`,
    path: /outputs\.sum|fetches|options/,
    call: () => run(goodFeeds(), { sum: tensor }),
  };
}

const runKeys = [
  'signal',
  'timeoutMs',
  'signature',
  'logSeverityLevel',
  'logVerbosityLevel',
  'terminate',
  'tag',
  'extra',
];

function runOption(random, { session }) {
  const key = random.pick(runKeys);
  const { label, value } = hostile(random);
  const run = runner(random, session);
  const args = random.oneIn(2) ? [{ [key]: value }] : [['sum'], { [key]: value }];
  return {
    label: `${key}: ${label}`,
    path: new RegExp(`options\\.${key}`),
    call: () => run(goodFeeds(), ...args),
  };
}

function runOptions(random, { session }) {
  const { label, value } = hostile(random);
  const run = runner(random, session);
  return { label, path: /options/, call: () => run(goodFeeds(), ['sum'], value) };
}

function tensor(random) {
  const [type, data, dims] = [hostile(random), hostile(random), hostile(random)];
  const [label, args] = random.pick([
    [`type: ${type.label}`, [type.value, new Float32Array(4), [4]]],
    [`data: ${data.label}`, ['float32', data.value, [4]]],
    [`dims: ${dims.label}`, ['float32', new Float32Array(4), dims.value]],
    [`only: ${data.label}`, [data.value]],
    [`any: ${type.label}, ${data.label}, ${dims.label}`, [type.value, data.value, dims.value]],
    [`of a type: ${data.label}`, [random.pick(types), data.value, [4]]],
  ]);
  return { label, path: /type|data|dims/, call: () => new Tensor(...args) };
}

function reshape(random) {
  const { label, value } = hostile(random);
  return {
    label,
    path: /dims|data/,
    call: () => new Tensor('float32', new Float32Array(4), [4]).reshape(value),
  };
}

function quantization(random) {
  const { label, value } = hostile(random);
  const key = random.pick(['tensor', 'quantization', 'type', 'scale', 'zeroPoint', 'axis']);
  const right = { scale: [0.5], zeroPoint: [0] };
  const parameters =
    key === 'quantization'
      ? value
      : key in right || key === 'axis'
        ? { ...right, [key]: value }
        : right;
  const isTensor = key === 'tensor';
  const real = isTensor ? value : new Tensor('float32', new Float32Array(4), [4]);
  const whole = isTensor ? value : new Tensor('int8', new Int8Array(4), [4]);
  return {
    label: `${key}: ${label}`,
    path: /tensor|quantization|type|scale|zeroPoint|axis|dims/,
    call: random.oneIn(2)
      ? () => quantize(real, parameters, key === 'type' ? value : 'int8')
      : () => (key === 'type' ? quantize(real, right, value) : dequantize(whole, parameters)),
  };
}

function percentile(random, { session }) {
  const { label, value } = hostile(random);
  const phase = random.pick(['queue', 'bind', 'invoke', 'fetch', 'total']);
  return { label, path: /percentile/, call: () => session.latency[phase].percentile(value) };
}

function info(random) {
  const { label, value } = hostile(random);
  const [form, options] = random.pick([
    ['options', value],
    ['load', { load: value }],
  ]);
  return { label: `${form}: ${label}`, path: /options/, call: () => runtimeInfo(options) };
}

function profile(random, { session }) {
  const { label, value } = hostile(random);
  const [form, call] = random.pick([
    ['feeds', () => session.profile(value)],
    ['options', () => session.profile(goodFeeds(), value)],
    ['runs', () => session.profile(goodFeeds(), { runs: value })],
    ['signature', () => session.profile(goodFeeds(), { signature: value })],
    ['signal', () => session.profile(goodFeeds(), { signal: value })],
  ]);
  return { label: `${form}: ${label}`, path: /feeds|inputs|options/, call };
}

const released = [
  (session) => session.run(goodFeeds()),
  (session) => session.runSync(goodFeeds()),
  (session) => session.run(null),
  (session) => session.resetVariables(),
  (session) => session.resetVariablesSync(),
  (session) => session.endProfiling(),
  (session) => session.profile(goodFeeds()),
];

function afterRelease(random, { releasedSession }) {
  const index = random.below(released.length);
  return {
    label: String(index),
    path: /session was released/,
    call: () => released[index](releasedSession),
  };
}

/** JavaScript itself refuses these, with a TypeError, before onlite is asked. */
function wrongThis(random, { session }) {
  const { label, value } = hostile(random);
  const method = random.pick([
    'run',
    'runSync',
    'release',
    'resetVariables',
    'endProfiling',
    'profile',
  ]);
  const [form, call] = random.pick([
    [method, () => session[method].call(value, goodFeeds())],
    [`${method} of a copy`, () => session[method].call(Object.create(session), goodFeeds())],
    ['data', () => Reflect.get(Tensor.prototype, 'data', value)],
    ['snapshot', () => session.latency.total.snapshot.call(value)],
    ['percentile', () => session.latency.total.percentile.call(value, 50)],
  ]);
  return { label: `${form}: ${label}`, path: /./, refusedByEngine: true, call };
}

export const families = {
  source,
  sourceRange,
  sessionOption,
  sessionOptions,
  sessionKey,
  provider,
  externalFile,
  freeDimension,
  feeds,
  feedForms,
  feed,
  feedProperty,
  feedType,
  feedDims,
  fetches,
  fetchProperty,
  runOption,
  runOptions,
  tensor,
  reshape,
  quantization,
  percentile,
  info,
  profile,
  afterRelease,
  wrongThis,
};
