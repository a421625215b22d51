import { LatencyHistogram } from 'onlite';

import { batchFor, interleave, sampleSync, warmUp } from 'onlite/bench';

import { output } from '../harness/command.mjs';
import { fromInterleaved, fromValues } from '../harness/context.mjs';
import { micro } from '../harness/micro.mjs';
import { rawFile } from '../harness/raw.mjs';
import { bindingFor, createSession } from '../harness/subject.mjs';

export const name = 'histogram';
export const description = 'latency histograms: recording and reading, in C++ and from JavaScript';

const program = process.platform === 'win32' ? 'raw_histogram.exe' : 'raw_histogram';

/** What the C++ program measured: {count, p50, …} in nanoseconds. */
function raw(...args) {
  const answer = output(rawFile(program), args.map(String));
  if (answer === null) throw new Error(`raw_histogram ${args.join(' ')} failed`);
  return JSON.parse(answer);
}

/** Latencies as they come: log-normal around 50 µs, the same ones in every process. */
function samples(count) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  return Float64Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return Math.floor(50_000 * Math.exp(normal / 2));
  });
}

function filled() {
  const histogram = new LatencyHistogram();
  histogram.recordAll(samples(100_000));
  return histogram;
}

/** Calls of a histogram's from JavaScript, each a function to time. */
const calls = {
  'record()': () => {
    const histogram = new LatencyHistogram();
    const values = samples(1024);
    let next = 0;
    return () => histogram.record(values[(next = (next + 1) & 1023)]);
  },
  'snapshot()': () => {
    const histogram = filled();
    return () => histogram.snapshot();
  },
  'percentile(99)': () => {
    const histogram = filled();
    return () => histogram.percentile(99);
  },
  'interval()': () => {
    const histogram = filled();
    return () => histogram.interval();
  },
  'encode()': () => {
    const histogram = filled();
    return () => histogram.encode();
  },
};

/** What is stated of a call from JavaScript, in nanoseconds. */
const targets = { 'snapshot()': { atMost: 20_000 } };

/** What the histograms add to the smallest run: the same with `latency: false` as the other side. */
async function recording(context) {
  const { warmUpMs, sliceMs } = context.pace;
  const caseName = 'Add, bound runSync: latency on above off';
  const figure = 'recording, added to a bound `runSync`';
  await context.case({ name: caseName, unit: 'ns', target: { atMost: 120 }, figure }, async () => {
    const sessions = [];
    const sides = [];
    for (const latency of [true, false]) {
      const session = await createSession('add.onnx', { latency });
      const binding = bindingFor(session);
      const run = () => binding.runSync();
      const batch = batchFor(await warmUp(run, { ms: warmUpMs }));
      sessions.push(session);
      sides.push(() => sampleSync(run, { ms: sliceMs, batch }));
    }
    const [subject, baseline] = sides;
    const result = await interleave({ subject, baseline, ...context.repetitions(caseName) });
    for (const session of sessions) await session.release();
    return fromInterleaved(result, { key: 'difference', sides: ['on', 'off'] });
  });
}

export async function run(context) {
  await recording(context);
  const { warmUpMs, sliceMs } = context.pace;
  const repetitions = Math.min(context.pace.repetitions, 7);

  /** `value`: of one process's answer; each repetition is a process. */
  async function rawCase(caseName, target, args, value, figure) {
    await context.case({ name: caseName, unit: 'ns', target, figure }, () => {
      const results = Array.from({ length: repetitions }, (_, index) => {
        context.progress(`${caseName} ${index + 1}/${repetitions}`);
        return raw(...args, sliceMs);
      });
      if (results.some(({ lost = 0 }) => lost !== 0)) throw new Error('samples were lost');
      return fromValues(results.map(value), { results });
    });
  }

  for (const shape of ['spread', 'same']) {
    const what = shape === 'spread' ? 'a distribution' : 'one value';
    const record = (threads) => ['record', threads, shape];
    const figure = '`record()` from one thread / from two at once';
    await rawCase(`record, ${what}, 1 thread`, { atMost: 25 }, record(1), ({ p50 }) => p50, figure);
    // The threads do not run side by side all the time: the slow parts are when they do.
    await rawCase(
      `record, ${what}, 2 at once`,
      { atMost: 60 },
      record(2),
      ({ p90 }) => p90,
      figure,
    );
  }
  const figure = 'a snapshot of one histogram';
  const target = { atMost: 20_000 };
  await rawCase('snapshot, p99, stddev', target, ['snapshot'], ({ p50 }) => p50, figure);
  await rawCase('interval, p99, stddev', undefined, ['interval'], ({ p50 }) => p50);

  for (const [call, make] of Object.entries(calls)) {
    const caseName = `${call} from JavaScript`;
    const row = { name: caseName, unit: 'ns', target: targets[call] };
    await context.case({ ...row, figure: row.target && figure }, async () => {
      const step = make();
      const results = [];
      for (let repetition = 0; repetition < repetitions; repetition += 1) {
        context.progress(`${caseName} ${repetition + 1}/${repetitions}`);
        results.push(await micro(caseName, step, { ms: sliceMs, warmUpMs }));
      }
      return fromValues(
        results.map((result) => result.p50),
        { results },
      );
    });
  }
}
