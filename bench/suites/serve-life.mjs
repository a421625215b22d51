import { InferenceSession } from 'onlite';

import { modelPath } from '../models/models.mjs';
import { prepareModels } from '../models/prepare.mjs';
import { described } from '../serve/life/answers.mjs';
import { OpenLoad } from '../serve/life/clients.mjs';
import { endUnderLoad } from '../serve/life/ending.mjs';
import { attackUnderLoad } from '../serve/life/hostile.mjs';
import { overload } from '../serve/life/overload.mjs';
import { soak } from '../serve/life/soak.mjs';
import { swapUnderLoad } from '../serve/life/swaps.mjs';
import { needProc } from '../serve/processes.mjs';
import { binaryRequest, floatInputs } from '../serve/requests.mjs';

export const name = 'serve-life';
export const description =
  'onlite-server under load: new versions, hostile clients, its end, a soak, overload; requests begin on time, whatever became of those before';
/** Nothing of the raw C programs is needed. */
export const isStandalone = true;

export function prepare(show) {
  prepareModels({ log: show });
}

const MIB = 2 ** 20;
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const ms = (value) => `${value.toFixed(1)} ms`;

/** Rows of one experiment, which is made once, when the first of them is asked for. */
const rowsOf = (context, measure, rows) => {
  let measured;
  return rows.reduce(
    (before, { read, ...row }) =>
      before.then(() => context.case(row, async () => read(await (measured ??= measure())))),
    Promise.resolve(),
  );
};

const addRequest = () => binaryRequest('add', floatInputs({ a: [4], b: [4] }));

/** The inputs of MobileNetV2, for a request of it. */
async function netInputs() {
  const session = await InferenceSession.create(modelPath('mobilenet_v2_float32.onnx'));
  const shapes = session.inputMetadata.map(({ name: input, shape }) => [
    input,
    shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1)),
  ]);
  await session.release();
  return floatInputs(Object.fromEntries(shapes));
}

function swaps(context, load) {
  const measure = async () =>
    swapUnderLoad(load, {
      file: modelPath('mobilenet_v2_float32.onnx'),
      request: binaryRequest('net', await netInputs()),
      seconds: context.isQuick ? 30 : 60,
      share: 0.7,
      progress: (text) => context.progress(text),
    });
  const what = 'MobileNetV2 at 70 % of capacity, three swaps, a broken version, a reload';
  return rowsOf(context, measure, [
    {
      name: `${what}: requests that failed`,
      unit: 'count',
      target: { atMost: 0 },
      figure: 'served: new versions under load',
      read: ({ failed, all, note, details }) => ({
        value: failed,
        note: `of ${all} (${note})`,
        details,
      }),
    },
    {
      name: `${what}: p99 about the swaps / quiet`,
      unit: 'ratio',
      target: { atMost: 3 },
      figure: 'served: new versions under load',
      read: ({ quiet, swapped, changed, most, capacity }) => ({
        value: swapped / quiet,
        note:
          `${ms(swapped)} / ${ms(quiet)}; about all changes ${ms(changed)}, the longest ${ms(most)}; ` +
          `capacity ${capacity.toFixed(0)} requests/s`,
      }),
    },
  ]);
}

function hostile(context, load) {
  const maxBodyBytes = 4 * MIB;
  const measure = () =>
    attackUnderLoad(load, {
      file: modelPath('add.onnx'),
      request: addRequest(),
      perSecond: 200,
      malformed: context.isQuick ? 2400 : 24_000,
      idle: context.isQuick ? 1000 : 10_000,
      slow: 200,
      oversized: 40,
      seconds: context.isQuick ? 15 : 60,
      beforeSeconds: context.isQuick ? 10 : 30,
      settleSeconds: 20,
      maxBodyBytes,
      progress: (text) => context.progress(text),
    });
  const what = context.isQuick
    ? '2,400 malformed requests, slow heads, 1,000 idle connections, oversized bodies'
    : '24,000 malformed requests, slow heads, 10,000 idle connections, oversized bodies';
  return rowsOf(context, measure, [
    {
      name: `${what}: answers that are no 4xx`,
      unit: 'count',
      target: { atMost: 0 },
      figure: 'served: hostile clients',
      read: ({ odd, result, seconds }) => ({
        value: odd,
        note:
          `malformed ${described({ answers: result.malformed })}; slow ${described({ answers: result.slow })}; ` +
          `oversized ${described({ answers: result.oversized })}; idle ${described({ answers: result.idle })}; ${seconds.toFixed(0)} s`,
        details: result,
      }),
    },
    {
      name: `${what}: resident set afterwards above before`,
      unit: 'MB',
      target: { atMost: 104.9 },
      figure: 'served: hostile clients',
      read: ({ grown, resident }) => ({ value: grown / 1e6, note: `${mb(resident)} before` }),
    },
    {
      name: `${what}: p99 of healthy requests, during / before`,
      unit: 'ratio',
      target: { atMost: 5 },
      figure: 'served: hostile clients',
      read: ({ before, during, healthy }) => ({
        value: during / before,
        note: `${ms(during)} / ${ms(before)}; ${described(healthy)}`,
      }),
    },
  ]);
}

function ending(context, load) {
  const graceSeconds = 10;
  const measure = () =>
    endUnderLoad(load, {
      file: modelPath('add.onnx'),
      request: addRequest(),
      perSecond: 1000,
      rounds: context.isQuick ? 2 : 5,
      graceSeconds,
    });
  const lost = (rounds) =>
    rounds.reduce(
      (sum, round) => sum + Object.values(round.lost).reduce((all, each) => all + each, 0),
      0,
    );
  return rowsOf(context, measure, [
    {
      name: 'SIGTERM at 1,000 requests/s: requests that were sent and not answered',
      unit: 'count',
      target: { atMost: 0 },
      figure: 'served: SIGTERM under load',
      read: (rounds) => ({
        value: lost(rounds),
        note: rounds
          .map((round) => described({ answers: round.answers, errors: round.lost }))
          .join('; '),
        details: rounds,
      }),
    },
    {
      name: `SIGTERM at 1,000 requests/s: from the signal to the exit, grace ${graceSeconds} s`,
      unit: 'ns',
      target: { atMost: graceSeconds * 1e9 },
      figure: 'served: SIGTERM under load',
      read: (rounds) => {
        const odd = rounds.find(({ exit }) => exit?.code !== 0);
        if (odd !== undefined) throw new Error(`ended with ${JSON.stringify(odd.exit)}`);
        const all = rounds.map((round) => round.ms * 1e6);
        return { value: Math.max(...all), min: Math.min(...all), max: Math.max(...all) };
      },
    },
  ]);
}

function soaking(context, load) {
  const given = context.options['soak-minutes'];
  const minutes = given === undefined ? (context.isQuick ? 1 : 15) : Number(given);
  const measure = () =>
    soak(load, {
      file: modelPath('add.onnx'),
      request: addRequest(),
      share: 0.5,
      minutes,
      progress: (text) => context.progress(text),
    });
  return rowsOf(context, measure, [
    {
      name: `Add at half of capacity for ${minutes} minutes: growth of the resident set an hour`,
      unit: 'MB',
      target: { atMost: 60 },
      figure: 'served: a soak at half load',
      read: ({ slope, interval, first, last, capacity, asked, failed, p99, details }) => {
        const [low, high] = interval.map((each) => (each * 3600) / 1e6);
        return {
          value: (slope * 3600) / 1e6,
          interval: [low, high],
          min: low,
          max: high,
          note:
            `95 % of the slope; the least of both halves ${mb(first)} and ${mb(last)}; ${asked} requests, ${failed} failed, ` +
            `p99 ${ms(p99)}; capacity ${capacity.toFixed(0)} requests/s`,
          details,
        };
      },
    },
  ]);
}

function overloading(context, load) {
  const deadlineMs = 1000;
  const measure = async () => {
    const inputs = await netInputs();
    return overload(load, {
      file: modelPath('mobilenet_v2_float32.onnx'),
      request: binaryRequest('net', inputs),
      // In a header: what is within a body is known only once all of that has been read.
      withDeadline: binaryRequest('net', inputs, { 'X-Request-Timeout-Ms': deadlineMs }),
      times: 3,
      seconds: context.isQuick ? 10 : 30,
      deadlineMs,
    });
  };
  const what = `MobileNetV2 at 3 × capacity, deadlines of ${deadlineMs} ms`;
  return rowsOf(context, measure, [
    {
      name: `${what}: answers in time / capacity`,
      unit: 'ratio',
      target: { atLeast: 0.9 },
      figure: 'served: overload',
      read: ({ goodput, capacity, ...rest }) => ({
        value: goodput / capacity,
        note: `${goodput.toFixed(0)} / ${capacity.toFixed(0)} requests/s; ${described(rest)}`,
      }),
    },
    {
      name: `${what}: requests that waited a tenth longer`,
      unit: 'count',
      target: { atMost: 0 },
      figure: 'served: overload',
      read: ({ late, asked, longest, p99 }) => ({
        value: late,
        note: `of ${asked}; p99 ${ms(p99)}, the longest ${ms(longest)}`,
      }),
    },
  ]);
}

export async function run(context) {
  needProc();
  const load = new OpenLoad();
  try {
    await swaps(context, load);
    await hostile(context, load);
    await ending(context, load);
    await overloading(context, load);
    await soaking(context, load);
  } finally {
    load.end();
  }
}
