import { setImmediate as nextTurn } from 'node:timers/promises';

import { summarize } from 'onlite/bench';

import { duration } from '../harness/format.mjs';
import { Skip } from '../harness/skip.mjs';
import { createSession, feedsFor } from '../harness/subject.mjs';

export const name = 'cancellation';
export const description = 'from abort() to the rejection, and until the runtime has stopped';

const models = ['mobilenet_v2_float32.onnx', 'mobilenet_v2_float32.tflite'];
const now = () => performance.now() * 1e6;

/** Aborts a run that is under way: `rejected` and `stopped` are times since abort(). */
async function cancelOnce(session, feeds, afterMs) {
  const controller = new AbortController();
  const promise = session.run(feeds, { signal: controller.signal }).then(
    () => 'finished',
    (error) => error.code,
  );
  const start = performance.now();
  do await nextTurn();
  while (performance.now() - start < afterMs);
  const aborted = now();
  controller.abort();
  const outcome = await promise;
  const rejected = now() - aborted;
  // Behind the cancelled run in the session's queue, so it ends when that has stopped.
  await session.resetVariables();
  return { outcome, rejected, stopped: now() - aborted };
}

export async function run(context) {
  const count = context.isQuick ? 50 : 400;
  for (const model of models) {
    const times = { rejected: [], stopped: [] };
    const from = (key, note) => () => {
      if (times[key].length === 0) throw new Skip('every run ended before it was cancelled');
      const summary = summarize(times[key]);
      return { value: summary.p50, min: summary.min, max: summary.max, details: summary, note };
    };
    await context.case({ name: `${model}, abort to rejection, p50`, unit: 'ns' }, async () => {
      const session = await createSession(model);
      const feeds = feedsFor(session);
      const runTime = await timeOf(() => session.run(feeds));
      let finished = 0;
      for (let index = 0; index < count; index += 1) {
        const result = await cancelOnce(session, feeds, 1);
        if (result.outcome === 'ERR_CANCELLED') {
          times.rejected.push(result.rejected);
          times.stopped.push(result.stopped);
        } else {
          finished += 1;
        }
      }
      await session.release();
      return from('rejected', `a run takes ${duration(runTime)}; ${finished} ended before`)();
    });
    await context.case(
      { name: `${model}, abort to the runtime's stop, p50`, unit: 'ns' },
      async () => from('stopped')(),
    );
  }
}

async function timeOf(run) {
  const values = [];
  for (let index = 0; index < 20; index += 1) {
    const start = now();
    await run();
    values.push(now() - start);
  }
  return summarize(values).p50;
}
