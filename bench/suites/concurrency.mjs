import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  batchFor,
  closedLoop,
  eventLoopDelay,
  interleave,
  sampleAsync,
  sampleSync,
  warmUp,
} from 'onlite/bench';

import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { rawProgram } from '../harness/raw.mjs';
import { Skip } from '../harness/skip.mjs';
import {
  bestLanes,
  bindingFor,
  boundLanes,
  createSession,
  feedLanes,
  feedsFor,
  hasBindings,
} from '../harness/subject.mjs';
import { engineOf, MOBILENETS, modelPath } from '../models/models.mjs';

export const name = 'concurrency';
export const description = '1 to 64 runs in flight: throughput, latency, event-loop delay';

const threads = Math.min(2, availableParallelism());

async function withSession(model, options, measure) {
  const session = await createSession(model, options);
  try {
    return await measure(session);
  } finally {
    await session.release();
  }
}

/** What an asynchronous run costs above the same run on the calling thread, medians. */
async function oneAtATime(context) {
  const { warmUpMs, sliceMs } = context.pace;
  const variants = {
    bound: (session) => {
      const binding = bindingFor(session);
      return { run: () => binding.run(), runSync: () => binding.runSync() };
    },
    'run(feeds)': (session) => {
      const feeds = feedsFor(session);
      return { run: () => session.run(feeds), runSync: () => session.runSync(feeds) };
    },
  };
  for (const [kind, make] of Object.entries(variants)) {
    const caseName = `Add, one at a time, ${kind}: async above sync, p50`;
    await context.case(
      {
        name: caseName,
        unit: 'ns',
        target: { atMost: 20_000 },
        figure: 'async `run`, Add, one at a time',
      },
      () =>
        withSession('add.onnx', {}, async (session) => {
          const { run, runSync } = make(session);
          await warmUp(run, { ms: warmUpMs });
          const batch = batchFor(await warmUp(runSync, { ms: warmUpMs }));
          const result = await interleave({
            subject: () => sampleAsync(run, { ms: sliceMs }),
            baseline: () => sampleSync(runSync, { ms: sliceMs, batch }),
            ...context.repetitions(caseName),
          });
          const sides = ['asynchronous', 'synchronous'];
          return fromInterleaved(result, { key: 'difference', sides });
        }),
    );
  }
}

/** The time of a run when 64 are always waiting. */
async function manyInFlight(context) {
  const { warmUpMs, sliceMs, repetitions } = context.pace;
  const figure = 'async, Add, 64 in flight: 64 bindings of one session / `run(feeds)`';
  const variants = [
    ['64 bindings', boundLanes, 2000],
    ['run(feeds)', feedLanes, 4000],
  ];
  for (const [kind, lanesOf, atMost] of variants) {
    for (const concurrency of [1, threads]) {
      await context.case(
        {
          name: `Add, 64 in flight, ${kind}, concurrency ${concurrency}: per run`,
          unit: 'ns',
          target: { atMost },
          figure,
        },
        () =>
          withSession('add.onnx', { concurrency }, async (session) => {
            const lanes = lanesOf(session, 64);
            await closedLoop(lanes, { ms: warmUpMs });
            const values = [];
            for (let repetition = 0; repetition < repetitions; repetition += 1) {
              values.push((await closedLoop(lanes, { ms: sliceMs })).perRun);
            }
            return fromValues(values, { values });
          }),
      );
    }
  }
}

/** Throughput at 4 in flight against as many raw C threads as runs at once, and the loop meanwhile. */
async function againstThreads(context, model) {
  const ms = Math.max(context.pace.sliceMs, 300);
  const caseName = `${model}, 4 in flight / raw C on ${threads} threads: throughput`;
  let measured;
  await context.case(
    {
      name: caseName,
      unit: 'ratio',
      target: { atLeast: 0.93 },
      figure: 'MobileNetV2, 4 in flight, intra-op 1',
    },
    () =>
      withSession(model, { concurrency: threads }, async (session) => {
        const lanes = bestLanes(session, 4);
        const raw = await rawProgram(engineOf(model)).load(modelPath(model), { workers: threads });
        await closedLoop(lanes, { ms: context.pace.warmUpMs });
        await raw.throughput({ ms: context.pace.warmUpMs });
        measured = await interleave({
          subject: async () => {
            const idle = await eventLoopDelay(() => sleep(ms));
            const loaded = await eventLoopDelay(() => closedLoop(lanes, { ms }));
            return { ...loaded.result, idleDelay: idle.p99, loadedDelay: loaded.p99 };
          },
          baseline: () => raw.throughput({ ms }),
          value: (slice) => slice.runsPerSecond,
          ...context.repetitions(caseName),
        });
        await raw.unload();
        return fromInterleaved(measured, { sideUnit: 'runs/s', bound: hasBindings() });
      }),
  );
  await context.case(
    {
      name: `${model}, 4 in flight: event-loop delay p99 above idle`,
      unit: 'ns',
      target: { atMost: 1e6 },
      figure: 'event-loop delay during that',
    },
    async () => {
      if (measured === undefined) throw new Skip('the throughput was not measured');
      const { subject } = measured.slices;
      const delays = subject.map(({ loadedDelay, idleDelay }) => loadedDelay - idleDelay);
      // The attempt that counted for the throughput, and its verdict on the machine.
      return { ...fromValues(delays), noisy: measured.noisy };
    },
  );
}

/** What the threads take of a core when there is little or nothing to do. */
async function idle(context) {
  const figure = 'idle, and Add at 100 runs a second';
  const share = async (ms, work) => {
    const before = process.cpuUsage();
    const started = performance.now();
    await work(started + ms);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 10 / (performance.now() - started);
  };
  const paced = (run) => async (end) => {
    while (performance.now() < end) {
      await Promise.all([run(), sleep(10)]);
    }
  };
  const ms = 2000;
  const cases = [
    ['idle: share of a core', 0.2, () => (end) => sleep(end - performance.now())],
    ['a timer of 10 ms: share of a core', undefined, () => paced(async () => {})],
    [
      'Add, 100 runs a second: share of a core',
      2,
      (session) => {
        const binding = bindingFor(session);
        return paced(() => binding.run());
      },
    ],
  ];
  for (const [caseName, atMost, make] of cases) {
    const target = atMost === undefined ? undefined : { atMost };
    const row = { name: caseName, unit: 'percent', target, figure: target && figure };
    await context.case(row, () =>
      withSession('add.onnx', {}, async (session) => {
        const work = make(session);
        await share(ms, work);
        const values = [];
        for (
          let repetition = 0;
          repetition < Math.min(context.pace.repetitions, 7);
          repetition += 1
        ) {
          values.push(await share(ms, work));
        }
        return fromValues(values, { values });
      }),
    );
  }
}

/** The curve: more and more runs in flight. */
async function sweep(context, model, concurrency) {
  const { warmUpMs } = context.pace;
  const ms = context.pace.sliceMs * Math.min(context.pace.repetitions, 4);
  for (const inFlight of [1, 2, 4, 16, 64]) {
    await context.case(
      { name: `${model}, ${inFlight} in flight, concurrency ${concurrency}`, unit: 'runs/s' },
      () =>
        withSession(model, { concurrency }, async (session) => {
          const lanes = bestLanes(session, inFlight);
          await closedLoop(lanes, { ms: warmUpMs });
          const delay = await eventLoopDelay(() => closedLoop(lanes, { ms, latencies: true }));
          const { runsPerSecond, latency } = delay.result;
          return {
            value: runsPerSecond,
            details: {
              latency,
              eventLoopDelay: { p50: delay.p50, p99: delay.p99, max: delay.max },
            },
          };
        }),
    );
  }
}

export async function run(context) {
  await oneAtATime(context);
  await manyInFlight(context);
  await idle(context);
  const models = context.isQuick ? MOBILENETS.filter((model) => /float32/.test(model)) : MOBILENETS;
  for (const model of models) await againstThreads(context, model);
  await sweep(context, 'add.onnx', 1);
  await sweep(context, 'mobilenet_v2_int8.onnx', threads);
}
