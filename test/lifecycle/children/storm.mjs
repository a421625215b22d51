// Runs that are cancelled at random moments, many at a time.
import { strict as assert } from 'node:assert';

import { runCases } from './cases.mjs';
import {
  createBatched,
  createLong,
  createSmall,
  isSum,
  longFeeds,
  longOutput,
  rowFeeds,
  smallFeeds,
} from './models.mjs';

/** Mulberry32: the same moments every time, as far as threads let them be. */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** When a run is cancelled, from at once to probably too late. `limit` is its time-out. */
const moments = [
  (abort) => abort(),
  (abort) => queueMicrotask(abort),
  (abort) => process.nextTick(abort),
  (abort) => setImmediate(abort),
  (abort) => setTimeout(abort, 0),
  (abort) => setTimeout(abort, 1),
  (abort) => setTimeout(abort, 3),
];
const atOnce = 0;

/** Sessions and what can be run on them: `start(options)`, and whether a result is right. */
async function makeKinds(engine) {
  const long = await createLong(engine, { concurrency: 2 });
  const small = await createSmall(engine, { concurrency: 2 });
  const batched = await createBatched(engine);
  const output = longOutput(engine);
  const feeds = longFeeds(engine, 0.3);
  const expected = long.runSync(feeds, [output])[output].data;
  const [row] = batched.outputNames;
  const rows = batched.runSync(rowFeeds(3))[row].data;
  const isClose = (data) => data.every((value, index) => Math.abs(value - rows[index]) < 1e-5);
  const bound = () => {
    const io = small.bind();
    io.inputs.a.data.set(smallFeeds(5).a.data);
    io.inputs.b.data.set(smallFeeds(5).b.data);
    return io;
  };
  const kinds = [
    {
      start: (options) => long.run(feeds, [output], options),
      isRight: (result) => assert.deepEqual(result[output].data, expected) === undefined,
    },
    {
      start: (options) => small.run(smallFeeds(7), options),
      isRight: (result) => isSum(result, 7),
    },
    {
      start: (options) => small.run(smallFeeds(8), { sum: smallFeeds().a }, options),
      isRight: (result) => isSum(result, 8),
    },
    {
      start: (options) => batched.run(rowFeeds(3), options),
      isRight: (result) => isClose(result[row].data),
    },
    {
      start: async (options) => {
        const io = bound();
        try {
          await io.run(options);
          return { sum: { data: io.outputs.sum.data.slice() } };
        } finally {
          io.dispose();
        }
      },
      isRight: (result) => isSum(result, 5),
    },
  ];
  return { kinds, sessions: [long, small, batched] };
}

/** One run with its cancellation. Fails if it has an outcome that it cannot have. */
async function runOnce(kind, random) {
  const controller = new AbortController();
  const choice = Math.floor(random() * (moments.length + 2));
  const isTimed = choice === moments.length;
  const isLeft = choice > moments.length;
  const options = { signal: controller.signal, ...(isTimed && { timeoutMs: random() * 3 }) };
  const run = kind.start(options);
  moments[choice]?.(() => controller.abort());
  try {
    assert.ok(kind.isRight(await run), 'the result is right');
    assert.notEqual(choice, atOnce, 'cancelled before it could end');
    return 'done';
  } catch (error) {
    if (error.code === 'ERR_ASSERTION') throw error;
    assert.equal(error.code, isTimed ? 'ERR_TIMEOUT' : 'ERR_CANCELLED', error);
    assert.ok(!isLeft, 'nobody cancelled it');
    return 'cancelled';
  }
}

/** The sessions are as good as new. */
async function assertUsable(kinds) {
  for (const { start, isRight } of kinds) assert.ok(isRight(await start({})));
}

await runCases({
  'runs cancelled one by one': async (engine, round) => {
    const random = randomNumbers(round + 1);
    const { kinds, sessions } = await makeKinds(engine);
    const lanes = Array.from({ length: 20 }, async () => {
      const outcomes = [];
      for (let run = 0; run < 10; run++) {
        outcomes.push(await runOnce(kinds[Math.floor(random() * kinds.length)], random));
      }
      return outcomes;
    });
    assert.equal((await Promise.all(lanes)).flat().length, 200);
    await assertUsable(kinds);
    await Promise.all(sessions.map((session) => session.release()));
  },

  'all at once': async (engine, round) => {
    const random = randomNumbers(round + 100);
    const { kinds, sessions } = await makeKinds(engine);
    for (const moment of moments) {
      const controller = new AbortController();
      const runs = Array.from({ length: 50 }, () =>
        kinds[Math.floor(random() * kinds.length)].start({ signal: controller.signal }),
      );
      moment(() => controller.abort());
      for (const { status, reason } of await Promise.allSettled(runs)) {
        if (status === 'rejected') assert.equal(reason.code, 'ERR_CANCELLED');
        else assert.notEqual(moment, moments[atOnce]);
      }
    }
    await assertUsable(kinds);
    await Promise.all(sessions.map((session) => session.release()));
  },

  'while the sessions are released': async (engine, round) => {
    const random = randomNumbers(round + 200);
    const { kinds, sessions } = await makeKinds(engine);
    const controllers = [];
    const runs = Array.from({ length: 50 }, (_, index) => {
      controllers.push(new AbortController());
      return kinds[index % kinds.length].start({ signal: controllers.at(-1).signal });
    });
    const outcomes = Promise.allSettled(runs);
    const pending = controllers.map(
      (controller) =>
        new Promise((resolve) => {
          const moment = moments[Math.floor(random() * moments.length)];
          moment(() => resolve(controller.abort()));
        }),
    );
    const released = sessions.map((session) => session.release());
    await Promise.all([...pending, ...released]);
    for (const { status, reason } of await outcomes) {
      if (status === 'rejected') assert.equal(reason.code, 'ERR_CANCELLED');
    }
  },

  'a session that is created, run, cancelled and released at once': async (engine) => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => createSmall(engine)));
    const outcomes = [];
    for (const session of sessions) {
      const controller = new AbortController();
      for (let run = 0; run < 8; run++) {
        outcomes.push(session.run(smallFeeds(run), { signal: controller.signal }));
      }
      controller.abort();
      outcomes.push(session.release());
    }
    for (const { status, reason } of await Promise.allSettled(outcomes)) {
      if (status === 'rejected') assert.equal(reason.code, 'ERR_CANCELLED');
    }
  },
});
