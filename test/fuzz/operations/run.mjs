// One run of a session, by any way there is, and what must come of it.
import { makeEnding } from '../ending.mjs';
import { kinds, makePiece } from '../memory.mjs';
import { makeRequest } from '../outputs.mjs';
import { create } from './create.mjs';

/** Asks for a run on a thread of its own. */
export async function run(world, random) {
  const record = world.pickSession(random);
  if (record === undefined) return create(world, random);
  return start(world, random, record);
}

/** Many at once, which wait for each other or make a batch. */
export async function burst(world, random) {
  const record = world.pickSession(random);
  if (record === undefined) return create(world, random);
  world.count('burst');
  for (let count = 2 + random.below(10); count > 0; count--) start(world, random, record);
  return undefined;
}

function start(world, random, record) {
  const plan = makeRun(world, random, record);
  const ending = random.oneIn(4) ? makeEnding(random) : { options: {}, codes: [] };
  Object.assign(plan.options, ending.options);
  if (ending.options.signal !== undefined || ending.options.timeoutMs !== undefined) {
    // Nobody can tell whether such a run changes the model's variables.
    if (record.state !== undefined && ending.codes.length > 0) plan.forgetState = true;
  }
  const codes = new Set([...plan.codes, ...ending.codes]);
  let must = plan.must;
  if (ending.must !== undefined && must === undefined) must = ending.must;
  if (record.isReleased) must = 'ERR_SESSION_RELEASED';
  if (record.options.maxQueue !== undefined && record.pending + record.abandoned > 0) {
    codes.add('ERR_QUEUE_FULL');
  }
  world.count(`run ${Object.keys(ending.options).join()}`, record.id, plan.index);
  const { inlineRuns } = record.session;
  const promise = record.session.run(plan.feeds, ...plan.args());
  // Made at once, its outputs are written already: nothing can be lost that it would miss.
  const isOver = record.session.inlineRuns > inlineRuns;
  ending.start?.();
  begin(record, plan, must);
  for (const lost of afterwards(world, random, plan, isOver)) codes.add(lost);
  world.watch(`run of ${record.id} case ${plan.index}`, promise, (outcome) => {
    end(world, record, plan, outcome, codes, must);
  });
}

/** Runs on this thread. */
export async function runSync(world, random) {
  const record = world.pickSession(random);
  if (record === undefined) return create(world, random);
  // It may overtake runs that wait, and what those are to give has been said already.
  if (record.model.stateful !== undefined && record.mayBeBusy) return undefined;
  const plan = makeRun(world, random, record);
  const codes = new Set(plan.codes);
  let { must } = plan;
  if (record.isReleased) must = 'ERR_SESSION_RELEASED';
  if (world.engine === 'tflite' && record.mayBeBusy) codes.add('ERR_BUSY');
  world.count('runSync', record.id, plan.index);
  let outcome;
  begin(record, plan, must);
  try {
    outcome = { value: record.session.runSync(plan.feeds, ...plan.args()) };
  } catch (error) {
    outcome = { error };
    record.state = undefined;
  }
  end(world, record, plan, outcome, codes, must);
  return undefined;
}

/** Feeds in random memory, and what is asked for. */
export function makeRun(world, random, record) {
  const index = random.below(record.model.cases.length);
  const made = record.model.cases[index];
  const expected = record.isReleased ? { values: undefined } : record.expect(index);
  const feeds = {};
  const inputs = [];
  const kind = random.oneIn(2) ? 'plain' : undefined;
  for (const value of made.inputs) {
    const piece = makePiece(world, random, value, kind ?? random.pick(kinds));
    inputs.push(piece);
    feeds[value.name] = piece.tensor;
  }
  const request = record.isReleased
    ? { options: {}, codes: [], pieces: [] }
    : makeRequest(world, random, record, made.signature, expected);
  const options = { ...request.options };
  if (made.signature !== undefined) options.signature = made.signature;
  if (random.oneIn(6)) options.tag = 'a tag';
  const codes = [...request.codes];
  let { must } = request;
  if (expected?.code !== undefined) must = expected.code;
  return {
    index,
    feeds,
    inputs,
    options,
    codes,
    must,
    outputs: request.pieces,
    values: request.values,
    takesFromPool: request.takesFromPool === true,
    args() {
      const given = Object.keys(options).length > 0 ? options : undefined;
      if (request.fetches === undefined) return given === undefined ? [] : [given];
      return given === undefined ? [request.fetches] : [request.fetches, given];
    },
  };
}

function begin(record, plan, must) {
  record.pending++;
  record.runs.add(plan);
  record.started++;
  if (must === undefined) record.advance(plan.index);
  // A result that has no place may have been made before.
  if (plan.forgetState || plan.must !== undefined || plan.codes.length > 0) {
    record.state = undefined;
  }
}

/** What happens to a run's tensors as soon as it was asked for. Returns codes it may now end with. */
function afterwards(world, random, plan, isOver) {
  const codes = [];
  for (const piece of plan.inputs) {
    if (piece.isSnapshot && random.oneIn(3)) {
      piece.scribble(random);
      world.count('feed scribbled');
    }
    if (random.oneIn(5) && piece.lose()) world.count('feed lost');
    else if (random.oneIn(4)) piece.grow();
    if (piece.isPooled && random.oneIn(3)) piece.dispose();
  }
  for (const piece of plan.outputs) {
    if (isOver || piece.isPooled || !random.oneIn(10) || !piece.lose()) continue;
    world.count('fetch lost');
    codes.push('ERR_BUFFER_DETACHED');
    plan.isLost = true;
  }
  return codes;
}

function end(world, record, plan, { value, error }, codes, must) {
  record.pending--;
  record.runs.delete(plan);
  world.trace?.(`  ${record.id} ${plan.index}: ${error?.code ?? 'a result'}`);
  if (error === undefined) {
    world.check(must === undefined, `no error, expected ${must}`);
    world.check(!plan.isLost, 'no error, expected ERR_BUFFER_DETACHED');
    record.succeeded++;
    if (plan.values !== undefined) world.compare(value, plan.values, record.model.close);
  } else {
    const endsEarly = error.code === 'ERR_CANCELLED' || error.code === 'ERR_TIMEOUT';
    if (endsEarly) record.abandoned++;
    const allowed = new Set(codes);
    // What else is wrong with the run may be found first.
    if (must !== undefined) allowed.add(must);
    // The memory of some results is taken when they are there.
    const { pool } = plan.options;
    if (pool !== undefined && world.isClosed(pool)) allowed.add('ERR_POOL_EXHAUSTED');
    world.checkError(error, allowed);
  }
  for (const piece of [...plan.inputs, ...plan.outputs]) piece.dispose();
  if (plan.takesFromPool && value !== undefined) {
    for (const tensor of Object.values(value)) tensor.dispose?.();
  }
}
