// Sessions that are forgotten. Needs --expose-gc.
import { strict as assert } from 'node:assert';

import { TensorPool } from 'onlite';

import { runCases } from './cases.mjs';
import {
  createLong,
  createSmall,
  isSum,
  longOutput,
  rejection,
  runLong,
  sleep,
  smallFeeds,
} from './models.mjs';

/** Collects until `isDone`, for finalizers take some turns of the event loop. */
async function collectUntil(isDone, what) {
  for (let attempt = 0; attempt < 200; attempt++) {
    globalThis.gc();
    await sleep(5);
    if (isDone()) return;
  }
  assert.fail(`not collected: ${what()}`);
}

/** Makes `count` sessions with `use`, which must not keep them, and sees all of them collected. */
async function forget(count, use) {
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  for (let index = 0; index < count; index++) registry.register(await use(index), index);
  await collectUntil(
    () => collected === count,
    () => `${count - collected} of ${count} sessions`,
  );
}

await runCases({
  'a forgotten session': (engine) => forget(20, () => createSmall(engine)),

  'after runs': (engine) =>
    forget(20, async (number) => {
      const session = await createSmall(engine);
      assert.ok(isSum(await session.run(smallFeeds(number)), number));
      assert.ok(isSum(session.runSync(smallFeeds(number)), number));
      return session;
    }),

  'with runs in flight, which still end well': async (engine) => {
    const runs = [];
    await forget(6, async () => {
      const session = await createLong(engine, { concurrency: 2 });
      for (let run = 0; run < 4; run++) runs.push(runLong(session, 20));
      return session;
    });
    assert.equal(runs.length, 24);
    for (const result of await Promise.all(runs)) {
      assert.equal(result[longOutput(engine)].data.length, 3);
    }
  },

  'with cancelled runs in flight': async (engine) => {
    const runs = [];
    await forget(6, async () => {
      const session = await createLong(engine);
      const controller = new AbortController();
      for (let run = 0; run < 2; run++) {
        runs.push(rejection(runLong(session, 500, { signal: controller.signal })));
      }
      setTimeout(() => controller.abort(), 5);
      return session;
    });
    for (const error of await Promise.all(runs)) assert.equal(error.code, 'ERR_CANCELLED');
  },

  'with its release in flight': (engine) =>
    forget(20, async () => {
      const session = await createSmall(engine);
      session.release();
      return session;
    }),

  'whose binding is kept, which still runs': async (engine) => {
    const bind = async () => (await createSmall(engine)).bind({ inputs: smallFeeds(7) });
    const bindings = [await bind(), await bind()];
    for (let attempt = 0; attempt < 10; attempt++) {
      globalThis.gc();
      await sleep(5);
    }
    for (const binding of bindings) {
      binding.runSync();
      assert.ok(isSum(binding.outputs, 7));
      await binding.run();
      assert.ok(isSum(binding.outputs, 7));
    }
  },

  'that are forgotten with their bindings': (engine) =>
    forget(20, async (number) => {
      const session = await createSmall(engine);
      const binding = session.bind({ inputs: smallFeeds(number) });
      await binding.run();
      assert.ok(isSum(binding.outputs, number));
      return session;
    }),

  'whose bindings of pooled tensors nobody disposes of': async (engine) => {
    const pool = new TensorPool();
    await forget(5, async () => {
      const session = await createSmall(engine);
      const a = pool.acquire('float32', [4]);
      const binding = session.bind({ inputs: { ...smallFeeds(), a } });
      await binding.run();
      const b = pool.acquire('float32', [4]);
      session.bind({ inputs: { ...smallFeeds(), b } });
      b.dispose();
      return session;
    });
    await collectUntil(
      () => pool.stats.bytesInUse === 0,
      () => `${pool.stats.bytesInUse} bytes`,
    );
  },

  'whose histograms are kept': async (engine) => {
    const kept = [];
    await forget(5, async () => {
      const session = await createSmall(engine);
      await session.run(smallFeeds());
      kept.push(session.latency);
      return session;
    });
    for (const latency of kept) assert.equal(latency.total.snapshot().count, 1);
  },
});
