import { strict as assert } from 'node:assert';

import { runCases } from './cases.mjs';
import {
  createLong,
  createSmall,
  isSum,
  longFeeds,
  rejection,
  runLong,
  sleep,
  smallFeeds,
} from './models.mjs';

await runCases({
  'results of many concurrent runs are right, and settle once and in order': async (engine) => {
    const session = await createSmall(engine, { maxQueue: 5000 });
    const order = [];
    await Promise.all(
      Array.from({ length: 5000 }, async (_, number) => {
        assert.ok(isSum(await session.run(smallFeeds(number)), number), `run ${number}`);
        order.push(number);
      }),
    );
    assert.deepEqual(order, [...order.keys()]);
    await session.release();
  },

  'results are right with several runs at once': async (engine) => {
    const session = await createSmall(engine, { concurrency: 4, maxQueue: 5000 });
    await Promise.all(
      Array.from({ length: 5000 }, async (_, number) => {
        assert.ok(isSum(await session.run(smallFeeds(number)), number), `run ${number}`);
      }),
    );
    await session.release();
  },

  'a feed may be reused when run has returned': async (engine) => {
    const session = await createSmall(engine);
    const feeds = smallFeeds();
    const runs = [];
    for (let number = 0; number < 200; number++) {
      feeds.a.data[0] = number;
      feeds.b.data[3] = number;
      runs.push(session.run(feeds));
    }
    for (const [number, result] of (await Promise.all(runs)).entries()) {
      assert.ok(isSum(result, number), `run ${number}`);
    }
    await session.release();
  },

  'more than maxQueue waiting is refused': async (engine) => {
    const session = await createLong(engine, { concurrency: 1, maxQueue: 2 });
    // One runs and two wait.
    const runs = [runLong(session, 300), runLong(session, 1), runLong(session, 1)];
    const error = await rejection(runLong(session, 1));
    assert.equal(error.code, 'ERR_QUEUE_FULL');
    await Promise.all(runs);
    await runLong(session, 1);
    await session.release();
  },

  'maxQueue 0 takes what can start at once': async (engine) => {
    const session = await createLong(engine, { concurrency: 2, maxQueue: 0 });
    for (let round = 0; round < 3; round++) {
      const runs = [runLong(session, 200), runLong(session, 200)];
      assert.equal((await rejection(runLong(session, 1))).code, 'ERR_QUEUE_FULL');
      await Promise.all(runs);
    }
    // A place is free as soon as the promise has settled.
    for (let round = 0; round < 200; round++) await runLong(session, 0.02);
    await session.release();
  },

  'a cancelled run gives its place in the queue back': async (engine) => {
    const session = await createLong(engine, { maxQueue: 1 });
    const controller = new AbortController();
    const first = runLong(session, 300);
    const waiting = runLong(session, 1, { signal: controller.signal });
    assert.equal((await rejection(runLong(session, 1))).code, 'ERR_QUEUE_FULL');
    controller.abort();
    assert.equal((await rejection(waiting)).code, 'ERR_CANCELLED');
    await Promise.all([first, runLong(session, 1)]);
    await session.release();
  },

  'a full queue does not hold up the release': async (engine) => {
    const session = await createLong(engine, { maxQueue: 1 });
    const runs = [runLong(session, 20), runLong(session, 1)];
    await session.release();
    await Promise.all(runs);
  },

  'a busy session does not hold up another': async (engine) => {
    const busy = await createLong(engine, { maxQueue: 100 });
    const other = await createSmall(engine);
    let done = 0;
    const runs = Array.from({ length: 30 }, () => runLong(busy, 10).then(() => done++));
    await sleep(5);
    for (let number = 0; number < 5; number++) {
      assert.ok(isSum(await other.run(smallFeeds(number)), number));
    }
    assert.ok(done < 25, `${done} of 30 runs were done before 5 runs of another session`);
    await Promise.all(runs);
    await Promise.all([busy.release(), other.release()]);
  },

  'a synchronous run while runs are in flight': async (engine) => {
    const session = await createLong(engine, { concurrency: 1 });
    const runs = [runLong(session, 300), runLong(session, 1)];
    await sleep(10);
    if (engine === 'tflite') {
      assert.throws(() => session.runSync(longFeeds(engine, 0.1)), { code: 'ERR_BUSY' });
    } else {
      session.runSync(longFeeds(engine, 0.1));
    }
    await Promise.all(runs);
    session.runSync(longFeeds(engine, 0.1));
    await session.release();
  },

  'a synchronous run uses an idle interpreter': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const run = runLong(session, 60);
    await sleep(10);
    session.runSync(longFeeds(engine, 0.1));
    await run;
    await session.release();
  },

  'the event loop goes on': async (engine) => {
    const session = await createLong(engine);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await runLong(session, 150);
    clearInterval(timer);
    assert.ok(turns >= 10, `${turns} turns`);
    await session.release();
  },

  'an error is the business of its own run': async (engine) => {
    const session = await createSmall(engine);
    const bad = {
      ...smallFeeds(),
      b: { type: 'float32', dims: [2, 2], data: new Float32Array(4) },
    };
    const runs = Array.from({ length: 100 }, (_, number) =>
      session.run(number % 2 === 0 ? smallFeeds(number) : bad),
    );
    for (const [number, outcome] of (await Promise.allSettled(runs)).entries()) {
      if (number % 2 === 0) assert.ok(isSum(outcome.value, number));
      else assert.equal(outcome.reason.code, 'ERR_SHAPE_MISMATCH');
    }
    await session.release();
  },

  'runs end together while Array.prototype throws': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const start = () => [1, 2, 3].map((number) => session.run(smallFeeds(number)));
    await Promise.all(start());
    let settled = 0;
    for (const run of start()) run.then(() => settled++);
    Object.defineProperty(Array.prototype, 0, {
      configurable: true,
      set() {
        throw new Error('from a prototype');
      },
    });
    const until = performance.now() + 20;
    while (performance.now() < until);
    await sleep(20);
    delete Array.prototype[0];
    await sleep(20);
    assert.equal(settled, 3);
    await session.release();
  },
});
