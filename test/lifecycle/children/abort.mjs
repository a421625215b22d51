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

/** Longer than the test waits for this process. */
const forever = 60_000;

/** The session runs again, at once: nothing of the cancelled run occupies it. */
async function assertUsable(session) {
  const from = performance.now();
  await runLong(session, 1);
  assert.ok(performance.now() - from < 10_000);
}

function assertCancelled(error, reason) {
  assert.equal(error.code, 'ERR_CANCELLED');
  assert.equal(error.name, 'AbortError');
  assert.equal(error.cause, reason);
}

await runCases({
  'a signal that has fired before': async (engine) => {
    const session = await createLong(engine);
    const reason = new Error('mine');
    assertCancelled(
      await rejection(runLong(session, 1000, { signal: AbortSignal.abort(reason) })),
      reason,
    );
    await assertUsable(session);
    await session.release();
  },

  'a signal in the same turn as the run': async (engine) => {
    const session = await createLong(engine);
    const controller = new AbortController();
    const run = runLong(session, 2000, { signal: controller.signal });
    controller.abort('why');
    assertCancelled(await rejection(run), 'why');
    await assertUsable(session);
    await session.release();
  },

  'a signal while the run waits': async (engine) => {
    const session = await createLong(engine);
    const controller = new AbortController();
    const first = runLong(session, 150);
    const settled = [];
    const second = runLong(session, 2000, { signal: controller.signal }).catch((error) => {
      settled.push('second');
      return error;
    });
    const third = runLong(session, 1).then(() => settled.push('third'));
    first.then(() => settled.push('first'));
    await sleep(10);
    controller.abort();
    assertCancelled(await second, controller.signal.reason);
    assert.deepEqual(settled, ['second']);
    await third;
    assert.deepEqual(settled, ['second', 'first', 'third']);
    await session.release();
  },

  'a signal while the run runs': async (engine) => {
    const session = await createLong(engine);
    const controller = new AbortController();
    const run = runLong(session, 2000, { signal: controller.signal });
    await sleep(30);
    const from = performance.now();
    controller.abort();
    assertCancelled(await rejection(run), controller.signal.reason);
    assert.ok(performance.now() - from < 100, 'the promise does not wait for the run');
    await assertUsable(session);
    await session.release();
  },

  'one signal for many runs': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const controller = new AbortController();
    const feeds = longFeeds(engine, 1000);
    const runs = Array.from({ length: 20 }, () =>
      session.run(feeds, [longOutput(engine)], { signal: controller.signal }),
    );
    await sleep(10);
    controller.abort();
    for (const outcome of await Promise.allSettled(runs))
      assertCancelled(outcome.reason, controller.signal.reason);
    await assertUsable(session);
    await session.release();
  },

  'a signal after the run': async (engine) => {
    const session = await createSmall(engine);
    const controller = new AbortController();
    const result = await session.run(smallFeeds(), { signal: controller.signal });
    controller.abort();
    assert.ok(isSum(result));
    assert.ok(isSum(await session.run(smallFeeds(2)), 2));
    await session.release();
  },

  'a time-out of the run': async (engine) => {
    const session = await createLong(engine);
    const error = await rejection(runLong(session, 2000, { timeoutMs: 20 }));
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.notEqual(error.name, 'AbortError');
    await assertUsable(session);
    await session.release();
  },

  'a time-out while the run waits': async (engine) => {
    const session = await createLong(engine);
    const first = runLong(session, 200);
    const error = await rejection(runLong(session, 1, { timeoutMs: 20 }));
    assert.equal(error.code, 'ERR_TIMEOUT');
    await first;
    await session.release();
  },

  'AbortSignal.timeout': async (engine) => {
    const session = await createLong(engine);
    const error = await rejection(runLong(session, 2000, { signal: AbortSignal.timeout(20) }));
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.equal(error.cause.name, 'TimeoutError');
    await assertUsable(session);
    await session.release();
  },

  'a time-out that is not reached keeps nothing alive': async (engine) => {
    const session = await createSmall(engine);
    const { signal } = new AbortController();
    // A timer that stayed would keep this process, and the test's patience, for a minute.
    assert.ok(isSum(await session.run(smallFeeds(), { timeoutMs: forever, signal })));
    await rejection(session.run({}, { timeoutMs: forever, signal }));
    await session.release();
  },

  'signals that fire at the end of runs over kept memory break no later run': async (engine) => {
    const session = await createSmall(engine);
    const feeds = smallFeeds();
    // Small runs take microseconds: the delays sweep over their ends.
    for (let round = 0; round < 6000; round++) {
      const controller = new AbortController();
      const run = session.run(feeds, { signal: controller.signal }).then(
        (result) => assert.ok(isSum(result)),
        (error) => assertCancelled(error, controller.signal.reason),
      );
      const until = performance.now() + (round % 60) / 1000;
      while (performance.now() < until);
      controller.abort();
      await run;
      if (round % 4 === 0) assert.ok(isSum(await session.run(feeds)));
    }
    await session.release();
  },

  'signals that fire about when the runs end': async (engine) => {
    const session = await createSmall(engine);
    let settled = 0;
    for (let round = 0; round < 300; round++) {
      const controller = new AbortController();
      const run = session.run(smallFeeds(round), { signal: controller.signal }).then(
        (result) => assert.ok(isSum(result, round)),
        (error) => assertCancelled(error, controller.signal.reason),
      );
      if (round % 3 === 0) await null;
      if (round % 3 === 1) await sleep(0);
      controller.abort();
      await run;
      settled++;
    }
    assert.equal(settled, 300);
    await session.release();
  },
});
