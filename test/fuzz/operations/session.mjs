// What is done to a session beside running it.
import { plainFeeds } from '../reference.mjs';

/** Ends a session: released now or when its runs have ended, or left to the garbage collector. */
export function giveUp(world, random, record) {
  if (record.isReleased || random.oneIn(4)) {
    world.count('forget session', record.id);
    return;
  }
  startRelease(world, record);
}

function startRelease(world, record) {
  world.count('release', record.id);
  record.isReleased = true;
  const { step } = world;
  const runs = [...record.runs];
  world.watch(`release of ${record.id}`, record.session.release(), ({ error }) => {
    if (error !== undefined) throw error;
    // A run's promise is a few microtasks behind its end.
    setImmediate(() => {
      const late = runs.filter((run) => record.runs.has(run)).length;
      if (late > 0)
        world.fail(`release() has ended, ${late} runs before it have not`, step, 'release');
    });
  });
}

/** Releases a session, which stays in its place for calls that come too late. */
export async function release(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased) return;
  startRelease(world, record);
  if (random.oneIn(3)) {
    world.watch('second release', record.session.release(), ({ error }) => {
      if (error !== undefined) throw error;
    });
  }
}

/** Puts variables back; of models without any it does nothing, in its turn. */
export async function resetVariables(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased) return;
  // Waiting runs of a model with variables have been told what they are to give.
  if (random.oneIn(3) && !(record.state !== undefined && record.mayBeBusy)) {
    world.count('resetVariablesSync', record.id);
    try {
      record.session.resetVariablesSync();
      record.state = record.model.stateful?.initial();
    } catch (error) {
      world.checkError(error, new Set(record.mayBeBusy ? ['ERR_BUSY'] : []));
    }
    return;
  }
  world.count('resetVariables', record.id);
  record.pending++;
  record.state = record.model.stateful?.initial();
  world.watch(`resetVariables of ${record.id}`, record.session.resetVariables(), (outcome) => {
    record.pending--;
    if (outcome.error !== undefined) throw outcome.error;
  });
}

/** Runs that count nowhere. */
export async function warmUp(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased) return;
  const index = random.below(record.model.cases.length);
  const made = record.model.cases[index];
  // Warm-up runs the primary subgraph.
  if (made.signature !== undefined) return;
  world.count('warmUp', record.id);
  const expected = record.expect(index);
  // Its runs and the reset come in turns that others may come between.
  if (record.state !== undefined) record.state = undefined;
  const codes = new Set(record.options.maxQueue === undefined ? [] : ['ERR_QUEUE_FULL']);
  // A session that is released meanwhile refuses the next of the runs.
  codes.add('ERR_SESSION_RELEASED');
  if (expected?.code !== undefined) codes.add(expected.code);
  record.pending++;
  const runs = 1 + random.below(3);
  const promise = record.session.warmUp(runs, plainFeeds(made));
  world.watch(`warmUp of ${record.id} case ${index}`, promise, ({ error }) => {
    record.pending--;
    if (error !== undefined) world.checkError(error, codes);
    else world.check(expected?.code === undefined, `no error, expected ${expected?.code}`);
  });
}

/** Where the time goes, while others run. */
export async function profile(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased) return;
  const index = random.below(record.model.cases.length);
  const made = record.model.cases[index];
  world.count('profile', record.id);
  const expected = record.expect(index);
  const codes = new Set(['ERR_SESSION_RELEASED']);
  if (record.options.maxQueue !== undefined) codes.add('ERR_QUEUE_FULL');
  if (expected?.code !== undefined) codes.add(expected.code);
  const options = { runs: 1 + random.below(3) };
  if (made.signature !== undefined) options.signature = made.signature;
  // On ONNX Runtime its runs are the session's own.
  if (record.state !== undefined && world.engine === 'onnxruntime') record.state = undefined;
  record.pending++;
  const promise = record.session.profile(plainFeeds(made), options);
  world.watch(`profile of ${record.id} case ${index}`, promise, ({ value, error }) => {
    record.pending--;
    if (error !== undefined) return world.checkError(error, codes);
    world.check(expected?.code === undefined, `no error, expected ${expected?.code}`);
    return world.check(value.operators.length >= 0 && value.totalNs >= 0, 'profile: no totals');
  });
}

/** The counters must be between what was seen and what was asked for. */
export async function statistics(world, random) {
  const record = world.pickSession(random);
  if (record === undefined) return;
  const { counters, total } = record.session.latency.snapshot();
  world.count('statistics');
  const { runs } = counters;
  if (record.options.latency === false) {
    world.check(runs === 0 && total.count === 0, `latency: false, but ${runs} runs counted`);
    return;
  }
  world.check(runs <= record.started, `${runs} runs counted, ${record.started} started`);
  world.check(runs >= record.succeeded, `${runs} runs counted, ${record.succeeded} succeeded`);
}
