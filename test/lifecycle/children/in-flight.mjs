// Sessions, bindings, tensors and pools that go away while runs use them.
// Needs --expose-gc.
import { strict as assert } from 'node:assert';

import { Tensor, TensorPool } from 'onlite';

import { runCases } from './cases.mjs';
import {
  createBatched,
  createLong,
  createSmall,
  dynamicOutputs,
  isSum,
  longFeeds,
  longOutput,
  rowFeeds,
  smallFeeds,
  turn,
} from './models.mjs';

const many = 64;
const numbers = Array.from({ length: many }, (_, number) => number);
const isReleased = (error) => error.code === 'ERR_SESSION_RELEASED';

/** As many bindings as there are numbers, each over tensors of its own. */
function bindMany(session) {
  return numbers.map((number) => {
    const { a, b } = smallFeeds(number);
    // Ordinary memory, pooled memory, and outputs of the runtime's.
    if (number % 3 === 0)
      return session.bind({ inputs: { a, b }, outputs: { sum: smallFeeds().a } });
    const io = session.bind(number % 3 === 1 ? {} : { outputs: { sum: 'dynamic' } });
    io.inputs.a.data.set(a.data);
    io.inputs.b.data.set(b.data);
    return io;
  });
}

function assertSums(bindings) {
  for (const [number, { outputs }] of bindings.entries()) {
    assert.ok(isSum(outputs, number), `binding ${number}`);
  }
}

/** Feeds in a pool's memory, which runs use in place. */
function pooled(pool, feeds) {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => {
      const tensor = pool.acquire(type, dims);
      tensor.data.set(data);
      return [name, tensor];
    }),
  );
}

/** Overwrites what the pool believes to be free. */
function overwriteFree(pool) {
  const tensors = numbers.map(() => pool.acquire('float32', [4]));
  for (const { data } of tensors) data.fill(Number.NaN);
  for (const tensor of tensors) tensor.dispose();
}

await runCases({
  '64 bindings while their session is released': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const bindings = bindMany(session);
    const runs = bindings.map((io) => io.run());
    const released = session.release();
    for (const io of bindings) await assert.rejects(io.run());
    await Promise.all(runs);
    assertSums(bindings);
    await released;
    for (const io of bindings) {
      await assert.rejects(io.run(), isReleased);
      assert.throws(() => io.runSync(), isReleased);
      io.dispose();
    }
  },

  '64 bindings that are disposed themselves': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const bindings = bindMany(session);
    const runs = bindings.map((io) => io.run());
    const plain = bindings.filter((_, number) => number % 3 === 0);
    for (const io of bindings) io.dispose();
    const released = session.release();
    await Promise.all(runs);
    // Their tensors are the caller's.
    for (const [index, { outputs }] of plain.entries()) assert.ok(isSum(outputs, 3 * index));
    await released;
  },

  '64 slow bindings, half of them cancelled, while their session is released': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const feeds = longFeeds(engine, 0.2);
    const output = longOutput(engine);
    const expected = session.runSync(feeds, [output])[output].data;
    const controller = new AbortController();
    const bindings = numbers.map(() =>
      session.bind({ inputs: feeds, outputs: dynamicOutputs(session) }),
    );
    const runs = bindings.map((io, number) =>
      io.run(number % 2 === 0 ? { signal: controller.signal } : {}),
    );
    const outcomes = Promise.allSettled(runs);
    await turn();
    const released = session.release();
    controller.abort();
    for (const [number, { status, reason }] of (await outcomes).entries()) {
      // The first of them may have ended before.
      if (status === 'rejected') assert.equal(reason.code, 'ERR_CANCELLED');
      if (number % 2 === 1) assert.equal(status, 'fulfilled');
      if (status === 'fulfilled') assert.deepEqual(bindings[number].outputs[output].data, expected);
    }
    assert.equal((await outcomes).at(-2).status, 'rejected');
    await released;
  },

  'bindings that are forgotten while they run': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const outputs = [];
    const runs = bindMany(session).map((io) => {
      outputs.push(io.outputs);
      return io.run();
    });
    globalThis.gc();
    await Promise.all(runs);
    globalThis.gc();
    for (const [number, result] of outputs.entries()) assert.ok(isSum(result, number));
    await session.release();
  },

  'runs of every kind while their sessions are released': async (engine) => {
    const small = await createSmall(engine, { concurrency: 2 });
    const batched = await createBatched(engine);
    const sums = numbers.map((number) => small.run(smallFeeds(number)));
    const fetched = numbers.map((number) => small.run(smallFeeds(number), { sum: smallFeeds().a }));
    const rows = numbers.map((number) => batched.run(rowFeeds(number)));
    await Promise.all([small.release(), batched.release()]);
    for (const runs of [sums, fetched]) {
      for (const [number, result] of (await Promise.all(runs)).entries()) {
        assert.ok(isSum(result, number));
      }
    }
    for (const result of await Promise.all(rows)) {
      const [{ data }] = Object.values(result);
      // Probabilities.
      assert.ok(Math.abs(data.reduce((sum, value) => sum + value) - 1) < 1e-4);
    }
  },

  'pooled tensors that are disposed': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const pool = new TensorPool();
    const fetches = numbers.map(() => smallFeeds().a);
    const runs = numbers.map((number) => {
      const feeds = pooled(pool, smallFeeds(number));
      const run = session.run(feeds, { sum: fetches[number] });
      feeds.a.dispose();
      feeds.b.dispose();
      overwriteFree(pool);
      return run;
    });
    overwriteFree(pool);
    for (const [number, result] of (await Promise.all(runs)).entries()) {
      assert.ok(isSum(result, number), `run ${number}`);
    }
    assert.equal(pool.stats.bytesInUse, 0);
    await session.release();
  },

  'pooled tensors that are disposed in a slow run, and their pool': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const feeds = longFeeds(engine, 2);
    const output = longOutput(engine);
    const expected = session.runSync(feeds, [output])[output].data;
    const pool = new TensorPool();
    const runs = Array.from({ length: 4 }, async () => {
      const tensors = pooled(pool, feeds);
      const run = session.run(tensors, [output]);
      await turn();
      for (const tensor of Object.values(tensors)) tensor.dispose();
      return run;
    });
    await turn();
    overwriteFree(pool);
    pool.trim();
    pool.dispose();
    globalThis.gc();
    for (const result of await Promise.all(runs)) assert.deepEqual(result[output].data, expected);
    assert.equal(pool.stats.bytesInUse, 0);
    await session.release();
  },

  'bound pooled tensors that are disposed': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const pool = new TensorPool();
    const bindings = numbers.map((number) => {
      const inputs = pooled(pool, smallFeeds(number));
      const outputs = { sum: number % 2 === 0 ? pool.acquire('float32', [4]) : smallFeeds().a };
      return {
        io: session.bind({ inputs, outputs }),
        tensors: [...Object.values(inputs)],
        outputs,
      };
    });
    const runs = bindings.map(({ io, tensors }) => {
      const run = io.run();
      for (const tensor of tensors) tensor.dispose();
      return run;
    });
    overwriteFree(pool);
    await Promise.all(runs);
    for (const [number, { outputs }] of bindings.entries()) assert.ok(isSum(outputs, number));
    for (const { io, outputs } of bindings) {
      io.dispose();
      outputs.sum.dispose();
    }
    assert.equal(pool.stats.bytesInUse, 0);
    await session.release();
  },

  'pooled tensors that are forgotten': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const runs = numbers.map((number) => {
      const pool = new TensorPool();
      return session.run(pooled(pool, smallFeeds(number)), ['sum']);
    });
    globalThis.gc();
    const feeds = new Tensor('float32', Float32Array.of(1, 2, 3, 4));
    await session.run({ a: feeds, b: feeds });
    globalThis.gc();
    for (const [number, result] of (await Promise.all(runs)).entries()) {
      assert.ok(isSum(result, number), `run ${number}`);
    }
    await session.release();
  },
});
