// Sessions of random options, in place of others.
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import { InferenceSession } from 'onlite';

import { SessionRecord } from '../world.mjs';
import { makeEnding } from '../ending.mjs';
import { giveUp } from './session.mjs';

/** Puts a session into a random place; what was there is released or forgotten. */
export async function create(world, random) {
  const place = random.below(world.sessions.length);
  const { model, reference } = random.pick(world.models);
  const options = makeOptions(random, model, reference);
  const source = await makeSource(random, model);
  world.count('create');
  const previous = world.sessions[place];
  if (previous !== undefined) giveUp(world, random, previous);
  const session = await InferenceSession.create(source, options);
  world.check(session.engine === model.engine, `engine: ${session.engine}`);
  const record = new SessionRecord(model, reference, options, session);
  record.id = `${model.file}#${world.nextId()}`;
  world.sessions[place] = record;
  world.trace?.(`  ${record.id} ${JSON.stringify(options)}`);
}

/** A model that cannot be loaded, and the error that says so. */
export async function createWrong(world, random) {
  const { model } = random.pick(world.models);
  const bytes = await readFile(model.path);
  const [source, options, code] = random.pick([
    [`${model.path}.missing`, {}, 'ERR_MODEL_NOT_FOUND'],
    [bytes.subarray(0, random.below(8)), {}, 'ERR_MODEL_INVALID'],
    [model.path, { concurrency: 0 }, 'ERR_INVALID_ARGUMENT'],
    [model.path, { nonsense: 1 }, 'ERR_INVALID_ARGUMENT'],
    [model.path, { executionProviders: ['nobody'] }, 'ERR_PROVIDER_UNAVAILABLE'],
  ]);
  world.watch(`create with ${code}`, InferenceSession.create(source, options), ({ error }) => {
    world.checkError(error, new Set([code]));
  });
}

/** A load that may be cancelled or time out; the session is given up at once. */
export async function createEnded(world, random) {
  const { model, reference } = random.pick(world.models);
  const { options, codes, must, start } = makeEnding(random);
  // Of runs only.
  if (options.terminate === true) return;
  const source = await makeSource(random, model);
  world.count(`create ${Object.keys(options).join()}`);
  const promise = InferenceSession.create(source, { ...reference.options, ...options });
  start?.();
  world.watch(`create of ${model.file}`, promise, ({ value, error }) => {
    if (error !== undefined) return world.checkError(error, new Set(codes));
    world.check(must === undefined, `no error, expected ${must}`);
    world.watch(`release of ${model.file}`, value.release(), ({ error: late }) => {
      world.check(late === undefined, `release: ${late}`);
    });
    return undefined;
  });
}

function makeOptions(random, model, reference) {
  const options = { ...reference.options };
  if (model.stateful === undefined) options.concurrency = 1 + random.below(3);
  if (random.oneIn(4)) options.intraOpNumThreads = 1 + random.below(2);
  if (random.oneIn(5)) options.maxQueue = random.below(4);
  if (model.stateful !== undefined) delete options.maxQueue;
  if (random.oneIn(6)) options.latency = false;
  if (random.oneIn(2)) {
    options.inline = random.pick([
      'auto',
      'never',
      { maxMicroseconds: 1000 },
      { maxMicroseconds: 1000, percentile: 50 },
    ]);
  }
  // Zeros with 1 for each dynamic dimension are not for every model.
  if (random.oneIn(4) && /^(add4|accumulator|identity)/.test(model.name)) options.warmUp = true;
  if (random.oneIn(5)) options.name = random.pick(['a', 'b', 'naïve']);
  if (model.isBatchable && random.oneIn(2)) {
    options.batching = { maxBatchSize: 1 + random.below(8) };
    if (random.oneIn(2)) options.batching.maxDelayMs = random.below(3);
    if (random.oneIn(3)) {
      options.batching = { ...options.batching, maxBatchSize: 8, allowedSizes: [2, 4, 8] };
    }
  }
  return options;
}

async function makeSource(random, model) {
  // Its data is beside it.
  if (model.name === 'external') return model.path;
  switch (random.below(5)) {
    case 0:
      return pathToFileURL(model.path);
    case 1:
      return readFile(model.path);
    case 2:
      return new Uint8Array(await readFile(model.path)).slice().buffer;
    default:
      return model.path;
  }
}
