// A round: a seeded sequence of operations on one engine. Run in a process of its own by main.mjs,
// or in a worker by round-worker.mjs.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';

import { metricsText } from 'onlite/metrics';

import { Random } from '../stress/hostile/random.mjs';
import { makeModel, modelNames } from './models.mjs';
import * as bindings from './operations/bind.mjs';
import { create, createEnded, createWrong } from './operations/create.mjs';
import * as memory from './operations/memory.mjs';
import { numbers } from './operations/numbers.mjs';
import { burst, run, runSync } from './operations/run.mjs';
import * as sessions from './operations/session.mjs';
import { boundOverItself, wrong } from './operations/wrong.mjs';
import { makeReference } from './reference.mjs';
import { startWorkers } from './workers.mjs';
import { describe, turn, World } from './world.mjs';

/** Operations and how often each comes. */
const operations = [
  [run, 30],
  [burst, 4],
  [runSync, 14],
  [create, 4],
  [createWrong, 1],
  [createEnded, 1],
  [boundOverItself, 1],
  [wrong, 4],
  [bindings.bind, 6],
  [bindings.runBound, 20],
  [bindings.rebind, 4],
  [bindings.disposeBinding, 2],
  [bindings.runBeside, 5],
  [bindings.loseBoundTensor, 1],
  [bindings.disposeBoundTensor, 1],
  [sessions.release, 1],
  [sessions.resetVariables, 2],
  [sessions.warmUp, 1],
  [sessions.profile, 1],
  [sessions.statistics, 2],
  [numbers, 2],
  [memory.churnPool, 3],
  [memory.replacePool, 1],
  [memory.collect, 1],
  [memory.wait, 6],
  [memory.settle, 1],
];
const table = operations.flatMap(([operation, weight]) => Array(weight).fill(operation));

const modelCount = 4;
const maxPending = 48;

/**
 * @param settings - `{engine, seed, steps, until, inject, patience}`: `until` is a time at which the
 *   round ends early, `patience` the milliseconds after which a promise is said to hang
 * @param progress - told of each step before it is made
 */
export async function playRound(settings, progress) {
  const { engine, seed, steps, until = Infinity } = settings;
  const world = new World({ ...settings, models: await chooseModels(engine, seed) });
  const watchdog = watch(world, settings.patience);
  const unobserve = observe(world);
  const stopWorkers = settings.workers ? startWorkers(world, settings) : undefined;
  try {
    while (world.step < steps && Date.now() < until && world.failure === undefined) {
      world.step++;
      const random = Random.for(engine, seed, world.step);
      await playStep(world, random, progress);
    }
    world.operation = 'end';
    progress(world);
    await stopWorkers?.();
    if (world.failure === undefined && settings.isAbrupt !== true) await finish(world);
  } catch (error) {
    world.fail(describe(error));
  } finally {
    await stopWorkers?.();
    unobserve();
    watchdog();
  }
  const { step, failure, counts, checks } = world;
  return { seed, steps: step, failure, counts, checks };
}

async function playStep(world, random, progress) {
  const operation = random.pick(table);
  world.operation = operation.name;
  progress(world);
  await operation(world, random);
  if (world.injects('crash')) process.abort();
  if (world.pending.size > maxPending) await world.drain(maxPending / 2);
  else if (random.oneIn(3)) await turn();
}

async function chooseModels(engine, seed) {
  const random = Random.for('models', engine, seed);
  const models = [];
  const names = [...modelNames(engine)];
  while (models.length < modelCount) {
    const [name] = names.splice(random.below(names.length), 1);
    const model = makeModel(name, random);
    if (model.unknownState) continue;
    const options = {};
    if (engine === 'tflite' && random.oneIn(3)) options.executionProviders = ['cpu'];
    models.push({ model, reference: await makeReference(model, options) });
  }
  return models;
}

/** Finds promises that do not settle, and what nobody waits for. */
function watch(world, patience = 60_000) {
  const timer = setInterval(() => {
    for (const { what, step, since } of world.pending) {
      if (Date.now() - since > patience) world.fail(`${what}: has not settled`, step);
    }
  }, 500);
  const fail = (error) => world.fail(`nobody's error: ${describe(error)}`);
  const twice = (type, promise, value) =>
    world.fail(`a promise was settled twice: ${type} ${inspect(promise)} ${inspect(value)}`);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.on('multipleResolves', twice);
  return () => {
    clearInterval(timer);
    process.off('uncaughtException', fail);
    process.off('unhandledRejection', fail);
    process.off('multipleResolves', twice);
  };
}

/** In some rounds somebody listens to every run. */
function observe(world) {
  if (!Random.for('observer', world.engine, world.seed).oneIn(4)) return () => undefined;
  const channel = 'onlite:run';
  const listener = ({ outcome, engine }) => {
    world.count(`heard of ${outcome}`);
    if (engine !== world.engine) world.fail(`onlite:run: a run of ${engine}`);
  };
  subscribe(channel, listener);
  return () => unsubscribe(channel, listener);
}

/** Gives everything back and looks whether anything is left. */
async function finish(world) {
  await world.settle();
  expectZero(world, ['onlite_queue_depth', 'onlite_runs_in_flight']);
  await giveAllBack(world);
  await world.drain();
  // What was forgotten is found by the garbage collector, some turns later.
  for (let tries = 0; tries < 50 && bytesInUse(world) > 0; tries++) {
    globalThis.gc?.();
    await turn();
  }
  world.check(bytesInUse(world) === 0, `pools: ${bytesInUse(world)} bytes in use at the end`);
}

/** Apart, because what is in a waiting function's registers is not collected. */
function giveAllBack(world) {
  for (const bound of world.bindings) {
    bound?.io.dispose();
    if (bound !== undefined) bindings.disposePieces(bound);
  }
  const ends = world.sessions.map((record) => record?.session.release());
  world.bindings = [];
  world.sessions = [];
  return Promise.all(ends);
}

function bytesInUse({ allPools }) {
  const own = sumOf('onlite_pool_bytes', (line) => line.includes('in_use'));
  const theirs = allPools.reduce((sum, { stats }) => sum + stats.bytesInUse, 0);
  return Math.max(own, theirs);
}

function expectZero(world, names) {
  for (const name of names) {
    const value = sumOf(name, () => true);
    world.check(value === 0, `${name} is ${value} when nothing is in flight`);
  }
}

/** The sum of a metric's samples of this environment. */
function sumOf(name, isMeant) {
  let sum = 0;
  for (const line of metricsText().split('\n')) {
    if (line.startsWith(name) && isMeant(line)) sum += Number(line.split(' ').at(-1));
  }
  return sum;
}

/** Writes where the round is, so that a process that dies has said it. */
function fileProgress(descriptor) {
  return ({ step, operation }) => {
    writeSync(descriptor, `${String(step).padStart(8)} ${operation.padEnd(24)}\n`, 0);
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const settings = JSON.parse(process.argv[2]);
  const progress = fileProgress(3);
  const trace = settings.verbose ? (text) => process.stderr.write(`  ${text}\n`) : undefined;
  // Some end with runs in flight, of which nothing is asked but that the process ends well.
  const isAbrupt = Random.for('end', settings.engine, settings.seed).oneIn(4);
  const result = await playRound({ ...settings, trace, isAbrupt }, (world) => {
    progress(world);
    trace?.(`step ${world.step}: ${world.operation}, ${world.pending.size} pending`);
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  // A round that failed may have promises that never settle, and more to say than is of use.
  if (result.failure !== undefined) process.exit(1);
  if (isAbrupt) process.exit();
}
