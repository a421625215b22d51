import { strict as assert } from 'node:assert';

import { runCases } from './cases.mjs';
import {
  createLong,
  createSmall,
  isSum,
  longFeeds,
  longOutput,
  rejection,
  runLong,
  sleep,
  smallFeeds,
} from './models.mjs';

const isReleased = (error) => error.code === 'ERR_SESSION_RELEASED';

await runCases({
  'runs in flight and waiting end before the release': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    let done = 0;
    const runs = Array.from({ length: 6 }, () =>
      runLong(session, 5).then((result) => {
        assert.equal(result[longOutput(engine)].data.length, 3);
        done++;
      }),
    );
    await session.release();
    // Their promises settle in the same turn of the event loop at the latest.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(done, 6);
    await Promise.all(runs);
  },

  'twice, and at once, gives the same end': async (engine) => {
    const session = await createSmall(engine);
    const first = session.release();
    assert.equal(session.release(), first);
    await first;
    assert.equal(session.release(), first);
    assert.equal(await session.release(), undefined);
  },

  'await using releases': async (engine) => {
    const session = await createSmall(engine);
    await session[Symbol.asyncDispose]();
    assert.ok(isReleased(await rejection(session.run(smallFeeds()))));
  },

  'a run after release is refused, before it has ended too': async (engine) => {
    const session = await createLong(engine);
    const run = runLong(session, 20);
    const released = session.release();
    assert.ok(isReleased(await rejection(session.run(longFeeds(engine, 1)))));
    assert.throws(() => session.runSync(longFeeds(engine, 1)), isReleased);
    await Promise.all([run, released]);
    assert.ok(isReleased(await rejection(session.run(longFeeds(engine, 1)))));
    assert.throws(() => session.runSync(longFeeds(engine, 1)), isReleased);
  },

  'every other use after release': async (engine) => {
    const session = await createSmall(engine);
    await session.run(smallFeeds());
    await session.release();
    assert.ok(isReleased(await rejection(session.resetVariables())));
    assert.throws(() => session.resetVariablesSync(), isReleased);
    assert.throws(() => session.endProfiling(), isReleased);
    // What was measured and what the model is can still be read.
    assert.equal(session.latency.total.snapshot().count, 1);
    assert.ok(session.latency.total.percentile(50) > 0);
    session.latency.reset();
    assert.deepEqual([...session.inputNames], ['a', 'b']);
    assert.equal(session.engine, engine);
  },

  'a feed that releases the session while it is read': async (engine) => {
    const session = await createSmall(engine);
    let released;
    const feeds = () => ({
      get a() {
        released = session.release();
        return smallFeeds().a;
      },
      b: smallFeeds().b,
    });
    assert.ok(isReleased(await rejection(session.run(feeds()))));
    await released;
    const other = await createSmall(engine);
    const sneaky = { b: smallFeeds().b };
    Object.defineProperty(sneaky, 'a', {
      enumerable: true,
      get: () => {
        released = other.release();
        return smallFeeds().a;
      },
    });
    assert.throws(() => other.runSync(sneaky), isReleased);
    await released;
  },

  'cancelled runs do not hold the release up': async (engine) => {
    const session = await createLong(engine);
    const controller = new AbortController();
    const runs = [1, 2, 3].map(() => runLong(session, 1000, { signal: controller.signal }));
    await sleep(10);
    const released = session.release();
    controller.abort();
    for (const run of runs) assert.equal((await rejection(run)).code, 'ERR_CANCELLED');
    const from = performance.now();
    await released;
    assert.ok(performance.now() - from < 5000);
  },

  'the results of earlier runs stay': async (engine) => {
    const session = await createSmall(engine);
    const results = await Promise.all([1, 2, 3].map((number) => session.run(smallFeeds(number))));
    const sync = session.runSync(smallFeeds(4));
    await session.release();
    globalThis.gc();
    for (const [index, result] of [...results, sync].entries()) assert.ok(isSum(result, index + 1));
  },
});
