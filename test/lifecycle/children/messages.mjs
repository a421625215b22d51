// Pool tensors that are sent to workers while runs of both threads use them.
// Needs --expose-gc.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { Tensor, TensorPool } from 'onlite';

import { runCases } from './cases.mjs';
import { createSmall, isSum, smallFeeds, turn } from './models.mjs';

const numbers = Array.from({ length: 16 }, (_, number) => number);

/** A worker of pool-worker.mjs and its answers. */
class Peer {
  #worker;
  #answers = new Map();
  #lastId = 0;

  static async start(engine) {
    const peer = new Peer();
    peer.#worker = new Worker(new URL('./pool-worker.mjs', import.meta.url), {
      workerData: { engine },
    });
    await once(peer.#worker, 'message');
    peer.#worker.on('message', ({ id, error, ...answer }) => {
      const { resolve, reject } = peer.#answers.get(id);
      peer.#answers.delete(id);
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    });
    return peer;
  }

  ask(task, data, transfer = []) {
    const id = ++this.#lastId;
    this.#worker.postMessage({ id, task, ...data }, transfer);
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  /** Whatever it is doing. */
  async end() {
    await this.#worker.terminate();
  }
}

/** The small model's feeds in a pool's memory. */
function pooledFeeds(pool, number) {
  const { a, b } = smallFeeds(number);
  const feeds = { a: pool.acquire('float32', [4]), b: pool.acquire('float32', [4]) };
  feeds.a.data.set(a.data);
  feeds.b.data.set(b.data);
  return feeds;
}

let peer;
let session;

async function start(engine) {
  peer ??= await Peer.start(engine);
  session ??= await createSmall(engine, { concurrency: 2 });
}

await runCases({
  'shared tensors, used by both threads at once': async (engine) => {
    await start(engine);
    const pool = new TensorPool({ shared: true });
    await Promise.all(
      numbers.map(async (number) => {
        const { a, b } = pooledFeeds(pool, number);
        const [sum, theirs, bound] = [1, 2, 3].map(() => pool.acquire('float32', [4]));
        const io = session.bind({ inputs: { a, b }, outputs: { sum } });
        await Promise.all([
          io.run(),
          peer.ask('run', { a: a.data, b: b.data, sum: theirs.data }),
          peer.ask('bound', { a: a.data, b: b.data, sum: bound.data, times: 5 }),
          session.run({ a, b }).then((result) => assert.ok(isSum(result, number))),
        ]);
        for (const tensor of [sum, theirs, bound]) {
          assert.ok(isSum({ sum: tensor }, number), `run ${number}`);
        }
        io.dispose();
        for (const tensor of [a, b, sum, theirs, bound]) tensor.dispose();
      }),
    );
    assert.equal(pool.stats.bytesInUse, 0);
  },

  'a shared output that both threads write': async (engine, round) => {
    await start(engine);
    const pool = new TensorPool({ shared: true });
    const { a, b } = pooledFeeds(pool, round);
    const sum = pool.acquire('float32', [4]);
    const io = session.bind({ inputs: { a, b }, outputs: { sum } });
    const theirs = peer.ask('bound', { a: a.data, b: b.data, sum: sum.data, times: 20 });
    for (let run = 0; run < 20; run++) await io.run();
    await theirs;
    // Every writer writes the same.
    assert.ok(isSum({ sum }, round));
    io.dispose();
  },

  'shared inputs that the other thread changes during runs': async (engine) => {
    await start(engine);
    const pool = new TensorPool({ shared: true });
    const { a, b } = pooledFeeds(pool, 1);
    const zero = new Tensor('float32', new Float32Array(4));
    // The worker writes its sums, 11, 22, 33 and 5, over our input, which is 1, 2, 3 and 4.
    const theirs = peer.ask('bound', { a: a.data.slice(), b: b.data, sum: a.data, times: 50 });
    for (let run = 0; run < 50; run++) {
      const { sum } = await session.run({ a, b: zero });
      for (const [index, value] of sum.data.entries()) {
        assert.ok(
          [
            [1, 11],
            [2, 22],
            [3, 33],
            [4, 5],
          ][index].includes(value),
          `${value}`,
        );
      }
    }
    await theirs;
  },

  'ordinary pool tensors are copied': async (engine) => {
    await start(engine);
    const pool = new TensorPool();
    await Promise.all(
      numbers.map(async (number) => {
        const { a, b } = pooledFeeds(pool, number);
        const io = session.bind({ inputs: { a, b } });
        const runs = [io.run(), session.run({ a, b }, { sum: smallFeeds().a })];
        const theirs = peer.ask('run', { a: a.data, b: b.data });
        await Promise.all(runs);
        assert.ok(isSum(io.outputs, number));
        assert.ok(isSum(await runs[1], number));
        const { sum } = await theirs;
        assert.ok(isSum({ sum: { data: sum } }, number));
        io.dispose();
        a.dispose();
        b.dispose();
      }),
    );
    assert.equal(pool.stats.bytesInUse, 0);
  },

  'ordinary pool tensors cannot be taken away': async (engine) => {
    await start(engine);
    const pool = new TensorPool();
    for (const number of numbers) {
      const { a, b } = pooledFeeds(pool, number);
      const io = session.bind({ inputs: { a, b } });
      const run = io.run();
      let theirs;
      try {
        // Copied by Node 20, refused by later ones.
        theirs = peer.ask('run', { a: a.data, b: b.data }, [a.data.buffer]);
      } catch (error) {
        assert.equal(error.name, 'DataCloneError');
      }
      assert.equal(a.data.length, 4);
      await Promise.all([run, theirs]);
      assert.ok(isSum(io.outputs, number));
      await io.run();
      assert.ok(isSum(io.outputs, number));
      io.dispose();
    }
  },

  'toTransferable during runs': async (engine) => {
    await start(engine);
    const pool = new TensorPool();
    const shared = new TensorPool({ shared: true });
    await Promise.all(
      numbers.map(async (number) => {
        const { a, b } = pooledFeeds(number % 2 === 0 ? pool : shared, number);
        const io = session.bind({ inputs: { a, b } });
        const run = io.run();
        const [first, second] = [a.toTransferable(), b.toTransferable()];
        const theirs = peer.ask('run', { a: first, b: second }, [first, second]);
        assert.equal(first.byteLength, 0);
        a.dispose();
        b.dispose();
        await run;
        assert.ok(isSum(io.outputs, number));
        assert.ok(isSum({ sum: { data: (await theirs).sum } }, number));
        // It may be given up in the middle of a run as well.
        const again = io.run();
        const output = io.outputs.sum.toTransferable();
        structuredClone(output, { transfer: [output] });
        await again;
        assert.ok(isSum(io.outputs, number));
        io.dispose();
      }),
    );
    for (const { stats } of [pool, shared]) assert.equal(stats.bytesInUse, 0);
  },

  'a tensor itself is not one after it was sent': async (engine) => {
    await start(engine);
    const { a, b } = pooledFeeds(new TensorPool({ shared: true }), 1);
    const run = session.run({ a, b });
    assert.match((await peer.ask('clone', { a, b })).code, /^ERR_/);
    assert.ok(isSum(await run, 1));
  },

  'the worker ends while it runs on our memory': async (engine, round) => {
    await start(engine);
    const pool = new TensorPool({ shared: true });
    const all = numbers.map((number) => {
      const { a, b } = pooledFeeds(pool, number);
      const sum = pool.acquire('float32', [4]);
      const task = { a: a.data, b: b.data, sum: sum.data, times: 1e6 };
      peer.ask('bound', task);
      return { a, b, sum };
    });
    for (let turns = 0; turns < round % 8; turns++) await turn();
    const ended = peer.end();
    peer = undefined;
    for (const { a, b } of all) assert.equal((await session.run({ a, b })).sum.data.length, 4);
    await ended;
    for (const [number, { a, b, sum }] of all.entries()) {
      assert.ok(isSum(await session.run({ a, b }, { sum }), number));
      for (const tensor of [a, b, sum]) tensor.dispose();
    }
    assert.equal(pool.stats.bytesInUse, 0);
  },

  "the worker's pool outlives it": async (engine) => {
    await start(engine);
    const { views } = await peer.ask('pooled', { numbers });
    const tensors = views.map((view) => new Tensor('float32', view));
    const runs = tensors.map((tensor) => session.run({ a: tensor, b: tensor }));
    await peer.end();
    peer = undefined;
    globalThis.gc();
    runs.push(...tensors.map((tensor) => session.run({ a: tensor, b: tensor })));
    for (const [index, { sum }] of (await Promise.all(runs)).entries()) {
      assert.deepEqual(sum.data, new Float32Array(4).fill(2 * (index % numbers.length)));
    }
  },

  'the end': async () => {
    await Promise.all([peer?.end(), session?.release()]);
    peer = session = undefined;
  },
});
