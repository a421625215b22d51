// Loads that are cancelled or timed out.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';

import { InferenceSession, runtimeInfo } from 'onlite';

import { runCases } from './cases.mjs';
import { createSmall, isSum, rejection, sleep, smallFeeds, smallModel } from './models.mjs';

const load = (engine, options) => InferenceSession.create(smallModel(engine), options);

async function assertLoads(engine) {
  const session = await createSmall(engine);
  assert.ok(isSum(await session.run(smallFeeds())));
  await session.release();
}

await runCases({
  'a signal that has fired before': async (engine) => {
    const reason = new Error('mine');
    const error = await rejection(load(engine, { signal: AbortSignal.abort(reason) }));
    assert.equal(error.code, 'ERR_CANCELLED');
    assert.equal(error.name, 'AbortError');
    assert.equal(error.cause, reason);
    await assertLoads(engine);
  },

  'a signal at any moment': async (engine) => {
    const source = new Uint8Array(readFileSync(smallModel(engine)));
    let [loaded, cancelled] = [0, 0];
    for (let round = 0; round < 60; round++) {
      const controller = new AbortController();
      const { signal } = controller;
      const created =
        round % 2 === 0
          ? load(engine, { signal })
          : InferenceSession.create(source, { signal, warmUp: round % 4 === 1 });
      const settled = created.then(
        async (session) => {
          loaded++;
          assert.ok(isSum(await session.run(smallFeeds(round)), round));
          await session.release();
        },
        (error) => {
          cancelled++;
          assert.equal(error.code, 'ERR_CANCELLED');
          assert.equal(error.cause, signal.reason);
        },
      );
      if (round % 5 === 1) await null;
      if (round % 5 > 1) await sleep((round % 5) - 2);
      if (round % 10 !== 9) controller.abort();
      await settled;
    }
    assert.equal(loaded + cancelled, 60);
    assert.ok(loaded > 0 && cancelled > 0, `${loaded} ${cancelled}`);
    await assertLoads(engine);
  },

  'loads that wait are taken out of the queue': async (engine) => {
    const controller = new AbortController();
    const loads = Array.from({ length: 100 }, () => load(engine, { signal: controller.signal }));
    controller.abort();
    for (const { reason } of await Promise.allSettled(loads)) {
      assert.equal(reason.code, 'ERR_CANCELLED');
    }
    await assertLoads(engine);
    assert.equal(runtimeInfo().lostThreads, 0);
  },

  'a time-out': async (engine) => {
    const error = await rejection(load(engine, { timeoutMs: 0 }));
    assert.equal(error.code, 'ERR_TIMEOUT');
    const { signal } = new AbortController();
    const session = await load(engine, { timeoutMs: 60_000, signal });
    assert.ok(isSum(await session.run(smallFeeds())));
    await session.release();
  },

  'AbortSignal.timeout': async (engine) => {
    const signal = AbortSignal.timeout(0);
    while (!signal.aborted) await sleep(1);
    assert.equal((await rejection(load(engine, { signal }))).code, 'ERR_TIMEOUT');
  },

  'limits that are none': async (engine) => {
    for (const options of [
      { signal: {} },
      { signal: null },
      { timeoutMs: -1 },
      { timeoutMs: '1' },
    ]) {
      const error = await rejection(load(engine, options));
      assert.equal(error.code, 'ERR_INVALID_ARGUMENT');
      assert.match(error.message, /options\.(signal|timeoutMs)/);
    }
  },
});
