// Calls the addon itself, which is no public API, with whatever is at hand. TypeScript has not
// checked anything here: native code has to refuse by itself what memory safety depends on.
// state 'none': never initialised; 'onlite': initialised by the package; 'own': by this script.
import { InferenceSession } from 'onlite';

import { Random } from './random.mjs';
import { report } from './report.mjs';
import { hostileValues } from './values.mjs';

const task = JSON.parse(process.argv[2]);
const { seed, state, calls, files, longFile, addon: addonFile, candidates } = task;

// The package has an instance of the addon of its own, as every copy of it has.
const addon = await loadAddon();

async function loadAddon() {
  const module = { exports: {} };
  if (state !== 'onlite') {
    process.dlopen(module, addonFile);
    return module.exports;
  }
  const { dlopen } = process;
  let ours;
  process.dlopen = (loaded, ...rest) => {
    dlopen(loaded, ...rest);
    ours = loaded.exports;
  };
  await InferenceSession.create(files[0]);
  process.dlopen = dlopen;
  return ours;
}

const pending = new Map();
let lastId = 0;

function makeError(code, message, cause) {
  return Object.assign(new Error(message, { cause }), { code });
}

function dispatch(...completions) {
  for (let slot = 0; slot < completions.length; slot += 3) {
    pending.get(completions[slot])?.(completions[slot + 1] ?? completions[slot + 2]);
    pending.delete(completions[slot]);
  }
}

const succeeded = new Uint32Array(16);

let takesSucceededAway = false;

function dispatchSucceeded(count) {
  if (takesSucceededAway) {
    structuredClone(succeeded.buffer, { transfer: [succeeded.buffer] });
    globalThis.gc();
    return;
  }
  for (const id of succeeded.subarray(0, count)) dispatch(id, undefined, undefined);
}

const baseOptions = {
  executionProviders: [],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  concurrency: 1,
  maxQueue: 10,
  latency: true,
  parallelExecution: false,
  freeDimensionOverrides: [],
  configEntries: [],
};

function create(source, options = baseOptions) {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    pending.set(id, resolve);
    try {
      addon.createSession(id, source, options, candidates);
    } catch (error) {
      reject(error);
    }
  });
}

function hostile(random) {
  const [label, make] = random.pick(hostileValues);
  return label === 'sparse array' ? [] : make();
}

/** Numbers that native code could take for an index, a length, a type or a thread. */
function number(random) {
  return random.pick([0, 1, 2, 3, 4, -1, 0.5, NaN, Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 99]);
}

const arrays = [Float32Array, Float64Array, Int8Array, BigInt64Array, Uint16Array];

function tensors(random) {
  const items = [];
  for (let count = random.below(4); count > 0; count--) {
    const data = random.oneIn(4)
      ? random.pick([null, ['a', 'b', 'c', 'd'], hostile(random)])
      : new (random.pick(arrays))(random.below(9));
    const dims = random.oneIn(6)
      ? hostile(random)
      : Array.from({ length: random.below(4) }, () => random.pick([0, 1, 2, 4, 4, number(random)]));
    const index = random.oneIn(6) ? number(random) : random.below(2);
    items.push(index, random.oneIn(4) ? number(random) : 1, dims, data, 0);
  }
  if (random.oneIn(8)) items.pop();
  if (random.oneIn(8)) items[random.below(4)] = hostile(random);
  if (random.oneIn(6)) addGetter(items, random);
  return items;
}

let aSession;

/** Native code's own reads of the array run code of the caller's. */
function addGetter(items, random) {
  const index = random.below(10);
  const value = items[index];
  const arrayBuffers = items.filter((item) => ArrayBuffer.isView(item)).map(({ buffer }) => buffer);
  Object.defineProperty(items, index, {
    get() {
      for (const buffer of arrayBuffers) {
        if (buffer instanceof ArrayBuffer && !buffer.detached)
          structuredClone(buffer, { transfer: [buffer] });
      }
      globalThis.gc?.();
      aSession?.resetVariables(0);
      return value;
    },
  });
}

function goodInputs() {
  return [0, 1, [4], new Float32Array(4), 0, 1, 1, [4], new Float32Array(4), 0];
}

const goodOutputs = () => [0, 1, [4], new Float32Array(4), 0];

/** The right run, with one thing wrong at most. */
function nearlyRight(random) {
  const inputs = goodInputs();
  const outputs = random.oneIn(2) ? [0, 0, [], null, 0] : [0, 1, [4], new Float32Array(4), 0];
  const where = random.oneIn(2) ? inputs : outputs;
  const slot = random.below(where.length);
  // The fifth field is a promise that memory stays: only the package may give it.
  if (!random.oneIn(5) && slot % 5 !== 4)
    where[slot] = random.oneIn(2) ? number(random) : hostile(random);
  if (random.oneIn(3)) addGetter(inputs, random);
  if (random.oneIn(3)) addGetter(outputs, random);
  return [inputs, outputs];
}

function runOptions(random) {
  return random.pick([
    undefined,
    undefined,
    { signature: random.oneIn(2) ? number(random) : hostile(random) },
    { tag: hostile(random), logSeverityLevel: 2 ** 40 },
    { configEntries: [hostile(random)] },
    { configEntries: [['a', hostile(random)]] },
    { profilePrefix: hostile(random) },
    hostile(random),
  ]);
}

/** Some method of a histogram with whatever is at hand. */
function anyMethod(random, histogram) {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(histogram));
  const other = random.pick([
    () => histogram,
    () => addon.newHistogram(1, 1000),
    () => Object.create(Object.getPrototypeOf(histogram)),
    () => Object.setPrototypeOf({}, Object.getPrototypeOf(histogram)),
    () => Object.setPrototypeOf(aSession ?? {}, Object.getPrototypeOf(aSession ?? {})),
    () => Float64Array.of(1, number(random)),
  ]);
  const argument = () =>
    random.pick([() => number(random), () => hostile(random), () => other()])();
  const method = random.pick(names.filter((name) => name !== 'constructor'));
  if (random.oneIn(10)) return new histogram.constructor(argument(), argument());
  return histogram[method].call(random.oneIn(8) ? other() : histogram, argument(), argument());
}

const sessionMethods = {
  run: (random, session) =>
    session.run(random.below(1000), ...nearlyRight(random), runOptions(random)),
  runAny: (random, session) =>
    session.run(number(random), tensors(random), tensors(random), runOptions(random)),
  profile: (random, session) =>
    session.profile(
      random.below(1000),
      ...nearlyRight(random),
      runOptions(random),
      // More would take for ever, which is TypeScript's to bound.
      random.below(4),
    ),
  profileAny: (random, session) =>
    session.profile(
      number(random),
      tensors(random),
      tensors(random),
      hostile(random),
      random.pick([undefined, null, '2', {}, [], NaN, 0.5]),
    ),
  runSync: (random, session) => session.runSync(...nearlyRight(random), runOptions(random)),
  runSyncAny: (random, session) =>
    session.runSync(tensors(random), tensors(random), runOptions(random)),
  hostile: (random, session) =>
    session.run(hostile(random), hostile(random), hostile(random), hostile(random)),
  latencyPhase: (random, session) =>
    anyMethod(random, session.latencyPhase(random.oneIn(2) ? random.below(5) : hostile(random))),
  latencyFailure: (random, session) =>
    anyMethod(
      random,
      session.latencyFailure(
        random.oneIn(2) ? 'ERR_TIMEOUT' : random.pick(['OK', hostile(random)]),
      ),
    ),
  latencyRejected: (random, session) => session.latencyRejected(hostile(random)),
  observeRuns: (random, session) =>
    session.observeRuns(random.oneIn(2) ? random.oneIn(2) : hostile(random)),
  takeRunRecord: (random, session) =>
    session.takeRunRecord(random.oneIn(2) ? random.below(1000) : hostile(random)),
  gauges: (random, session) => [session.runsInFlight(), session.memory()],
  bind: (random, session) => {
    const binding = session.bind(random.oneIn(4) ? number(random) : 0);
    for (let tries = random.below(3); tries > 0; tries--) {
      try {
        binding[random.oneIn(2) ? 'setInputs' : 'setOutputs'](tensors(random), random.oneIn(4));
      } catch {
        // What was bound before the one that was refused stays.
      }
    }
    if (random.oneIn(4)) binding.setInputs(hostile(random));
    binding.setInputs(nearlyRight(random)[0]);
    binding.setOutputs(random.oneIn(2) ? [0, 0, [], null, 0] : goodOutputs());
    if (random.oneIn(4)) return binding.run(random.oneIn(2) ? number(random) : hostile(random));
    if (random.oneIn(4)) binding.runSync.call(hostile(random), hostile(random));
    // And is forgotten while it runs.
    const id = 1000 + random.below(1000);
    binding.run(id);
    pending.set(id, () => globalThis.gc?.());
    return globalThis.gc?.();
  },
  resetVariables: (random, session) => session.resetVariables(hostile(random)),
  wrongThis: (random, session) =>
    session[random.pick(Object.getOwnPropertyNames(Object.getPrototypeOf(session)))].call(
      hostile(random),
    ),
  construct: (random, session) => new session.constructor(hostile(random)),
  subclass: (random, session) =>
    Reflect.construct(
      session.constructor,
      [hostile(random)],
      random.pick([Object, Array, Promise]),
    ),
};

const bytes = () => addon.allocateBytes(64);

const addonFunctions = {
  allocateBytes: (random) =>
    addon.allocateBytes(random.oneIn(2) ? number(random) : hostile(random)),
  copyBytes: (random) => {
    const to = random.oneIn(4) ? hostile(random) : bytes();
    const at = random.oneIn(4) ? hostile(random) : random.pick([0, 1, 63, 64, 65, number(random)]);
    const data = random.oneIn(3)
      ? hostile(random)
      : new Uint8Array(random.pick([0, 1, 63, 64, 65]));
    return addon.copyBytes(to, at, data);
  },
  cancel: (random) => addon.cancel(random.oneIn(2) ? number(random) : hostile(random)),
  loadRuntime: (random) =>
    addon.loadRuntime(
      random.oneIn(3) ? hostile(random) : random.pick(['tflite', 'onnxruntime']),
      random.pick([
        hostile(random),
        [hostile(random)],
        [['/does/not/exist', 'test']],
        [['\0', '']],
      ]),
    ),
  newHistogram: (random) =>
    anyMethod(
      random,
      addon.newHistogram(
        random.oneIn(3) ? hostile(random) : random.below(5),
        random.oneIn(3) ? hostile(random) : random.pick([2, 1000, 2 ** 53 - 1, number(random)]),
      ),
    ),
  decodeHistogram: (random) => {
    const encoded = addon.newHistogram(2, 1000).encode();
    for (let damage = random.below(4); damage > 0; damage--) {
      encoded[random.below(encoded.length)] ^= 1 << random.below(8);
    }
    return anyMethod(random, addon.decodeHistogram(random.oneIn(3) ? hostile(random) : encoded));
  },
  sampleGpus: (random) =>
    addon.sampleGpus(
      random.oneIn(2) ? random.below(1000) : hostile(random),
      random.pick([hostile(random), '/does/not/exist', '']),
    ),
  describeRuntime: (random) =>
    addon.describeRuntime(
      random.oneIn(2) ? hostile(random) : random.pick(['tflite', 'onnxruntime']),
    ),
  createAny: (random) =>
    addon.createSession(hostile(random), hostile(random), hostile(random), hostile(random)),
  createSource: (random) => {
    const key = random.pick(['path', 'bytes', 'externalData', 'mmap']);
    const value = random.pick([
      hostile(random),
      [hostile(random)],
      [['x', hostile(random)]],
      [['x', bytes()]],
    ]);
    return create({ path: random.oneIn(2) ? files[0] : undefined, [key]: value });
  },
  createOptions: (random) => {
    // Thread counts are TypeScript's to bound: they endanger no memory.
    const key = random.pick(
      Object.keys(baseOptions).filter((name) => !/Threads|concurrency/.test(name)),
    );
    const value = random.pick([hostile(random), [hostile(random)], [['x', hostile(random)]], [[]]]);
    return create({ path: random.pick(files) }, { ...baseOptions, [key]: value });
  },
  describeForeignFile: (random) => addon.describeForeignFile(hostile(random)),
  usedTwice: () => {
    const taken = bytes();
    void create({ bytes: taken }).catch(() => {});
    return addon.copyBytes(taken, 0, new Uint8Array(1));
  },
  initialise: (random) =>
    state === 'none'
      ? addon.initialise(random.pick([undefined, null, 1, 'x']))
      : addon.initialise({}),
};

const counts = { errors: 0, results: 0 };
process.on('unhandledRejection', () => {});

async function attempt(number, name, make) {
  report({ number, name });
  try {
    // A rejected creation is a result: what counts is that it ends.
    await make();
    counts.results++;
  } catch (error) {
    counts.errors++;
    if (!(error instanceof Error)) report({ bad: `threw ${typeof error}`, number, name });
  }
}

/** Bindings that are collected while they run. */
async function forgetBindings() {
  const session = await create({ path: longFile });
  const data = { limit: Int32Array.of(50_000), x: Float32Array.of(1, 2, 3) };
  const { inputs, outputs } = session.info().signatures[0];
  const start = () =>
    new Promise((resolve) => {
      const binding = session.bind(0);
      binding.setInputs(
        inputs.flatMap(({ name, type, dims }, index) => [index, type, dims, data[name], 0]),
      );
      binding.setOutputs(outputs.flatMap((_, index) => [index, 0, [], null, 0]));
      binding.run(++lastId);
      pending.set(lastId, resolve);
    });
  const runs = Array.from({ length: 6 }, start);
  const collector = setInterval(globalThis.gc, 1);
  const results = await Promise.all(runs);
  clearInterval(collector);
  if (!results.every(Array.isArray)) report({ bad: 'a forgotten binding has no results' });
}

/**
 * Runs that end together, of which JavaScript takes the memory away in which it is told
 * of them: whoever does that is not told any more.
 */
async function takeSucceededAway() {
  const session = await create({ path: files[0] }, { ...baseOptions, maxQueue: 100 });
  const bindings = Array.from({ length: 64 }, () => {
    const binding = session.bind(0);
    binding.setInputs(goodInputs());
    binding.setOutputs([0, 1, [4], new Float32Array(4), 0]);
    return binding;
  });
  takesSucceededAway = true;
  let errors = 0;
  process.on('uncaughtException', () => errors++);
  // One job in between, which JavaScript is told of in another way.
  for (const [index, binding] of bindings.entries()) {
    if (index % 8 === 7) session.run(++lastId, goodInputs(), [0, 0, [], null, 0]);
    else binding.run(++lastId);
  }
  const end = Date.now() + 200;
  while (Date.now() < end);
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (errors === 0) report({ bad: 'the runs had no memory to be told of, and no error' });
}

const sessions = [];
if (state === 'own') {
  addon.initialise({
    makeError,
    dispatch,
    dispatchSucceeded,
    succeeded,
    isMainThread: true,
    threads: 2,
  });
  for (const path of files) sessions.push(await create({ path }));
  await forgetBindings();
}

const names = Object.keys(addonFunctions);
const methods = Object.keys(sessionMethods);
for (let number = 0; number < calls; number++) {
  const random = Random.for(seed, state, number);
  const name = names[number % names.length];
  if (state === 'onlite' && name.startsWith('create') && name !== 'createAny') continue;
  if (sessions.length > 0 && !random.oneIn(3)) {
    const session = random.pick(sessions);
    aSession = session;
    const method = random.pick(methods);
    await attempt(number, method, () => sessionMethods[method](random, session));
  } else {
    await attempt(number, name, () => addonFunctions[name](random));
  }
}
// A synchronous run is refused while others are in flight.
for (let wait = 0; pending.size > 0 && wait < 400; wait++) {
  await new Promise((resolve) => setTimeout(resolve, 5));
}
if (state === 'own') await takeSucceededAway();
for (const session of sessions) {
  const [[, , , sum]] = session.runSync(goodInputs(), [0, 0, [], null, 0]);
  if (sum.byteLength !== 16) report({ bad: 'a session is broken afterwards' });
}
report({ done: counts });
process.exit(0);
