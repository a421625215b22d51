import { availableParallelism } from 'node:os';

import { closedLoop, interleave, openLoop } from 'onlite/bench';

import { fromInterleaved } from '../harness/context.mjs';
import { Skip } from '../harness/skip.mjs';
import { createSession, feedLanes } from '../harness/subject.mjs';

export const name = 'batching';
export const description = 'requests gathered into batches, closed loop and Poisson arrivals';

const threads = Math.min(2, availableParallelism());
const mlp = 'mlp.onnx';
const mobilenet = 'mobilenet_v2_float32.onnx';
// Half of what is in flight, so that one batch gathers while another runs.
const batching = { maxBatchSize: 32, maxDelayMs: 1 };

async function createBatching(model, options) {
  try {
    return await createSession(model, { batching, ...options });
  } catch (error) {
    if (error.code === 'ERR_INVALID_ARGUMENT' && /batching/.test(error.message)) {
      throw new Skip('this build has no batching');
    }
    throw error;
  }
}

/** The concurrency that gives unbatched runs most throughput. */
async function bestUnbatched(context, model) {
  let best;
  for (const concurrency of new Set([1, threads])) {
    const session = await createSession(model, { concurrency });
    const { runsPerSecond } = await closedLoop(feedLanes(session, 64), {
      ms: context.pace.warmUpMs * 2,
    });
    if (best === undefined || runsPerSecond > best.runsPerSecond) {
      await best?.session.release();
      best = { session, runsPerSecond, concurrency };
    } else {
      await session.release();
    }
  }
  return best;
}

async function closed(context, caseName) {
  const batched = await createBatching(mlp);
  const unbatched = await bestUnbatched(context, mlp);
  const ms = context.pace.sliceMs;
  const slice = (session) => {
    const lanes = feedLanes(session, 64);
    return () => closedLoop(lanes, { ms });
  };
  await closedLoop(feedLanes(batched, 64), { ms: context.pace.warmUpMs });
  const result = await interleave({
    subject: slice(batched),
    baseline: slice(unbatched.session),
    value: ({ runsPerSecond }) => runsPerSecond,
    ...context.repetitions(caseName),
  });
  await batched.release();
  await unbatched.session.release();
  const { concurrency } = unbatched;
  return fromInterleaved(result, {
    sides: ['batched', 'unbatched'],
    sideUnit: 'runs/s',
    concurrency,
  });
}

/** Latency at a share of what unbatched runs can bear, batched and not. */
async function poisson(context, model, share) {
  // First, so that a build without batching is not measured in vain.
  const batched = await createBatching(model);
  const unbatched = await bestUnbatched(context, model);
  const perSecond = unbatched.runsPerSecond * share;
  const ms = context.pace.sliceMs * context.pace.repetitions;
  const run = (session) => {
    const [start] = feedLanes(session, 1);
    return openLoop(start, { perSecond, ms });
  };
  const without = await run(unbatched.session);
  const withBatches = await run(batched);
  await batched.release();
  await unbatched.session.release();
  return {
    value: withBatches.latency.p99 / without.latency.p99,
    details: { perSecond, without, withBatches },
  };
}

export async function run(context) {
  const caseName = 'MLP, closed loop, 64 in flight: batched / best unbatched, throughput';
  await context.case(
    {
      name: caseName,
      unit: 'ratio',
      target: { atLeast: 3 },
      figure: 'batching, Gemm 256→256→10 float32, closed loop, 64 in flight',
    },
    () => closed(context, caseName),
  );
  for (const model of [mlp, mobilenet]) {
    for (const share of [0.5, 0.9]) {
      await context.case(
        {
          name: `${model}, Poisson at ${share} of capacity: p99 batched / unbatched`,
          unit: 'ratio',
        },
        () => poisson(context, model, share),
      );
    }
  }
}
