// What is left after memory, threads or files could not be had (test/lifecycle/faults.ts).
import { strict as assert } from 'node:assert';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

import { OnliteError, TensorPool, Tensor } from 'onlite';

import { report, runCases } from './cases.mjs';
import {
  createAccumulator,
  createBatched,
  createSmall,
  dynamicOutputs,
  isSum,
  rowFeeds,
  smallFeeds,
} from './models.mjs';

const control = openSync(process.env.ONLITE_FAULTS, 'r+');
const allocations = 1n;

function setFaults(mode, left) {
  writeSync(control, Buffer.from(BigInt64Array.of(mode, BigInt(left), 0n).buffer), 0, 24, 0);
}

/** Ends the faults; how many there were. */
function endFaults() {
  const state = new BigInt64Array(3);
  readSync(control, Buffer.from(state.buffer), 0, 24, 0);
  setFaults(0n, 0);
  return Number(state[2]);
}

/** The data of the only output. */
const firstOf = (result) => Object.values(result)[0].data;

async function outcomeOf(action) {
  try {
    await action();
    return undefined;
  } catch (error) {
    return error;
  }
}

function assertOutOfMemory(error, where) {
  assert.ok(error instanceof OnliteError, `${where}: ${error?.stack}`);
  assert.equal(error.code, 'ERR_OUT_OF_MEMORY', `${where}: ${error.stack}`);
}

/**
 * Does it with the first, the second, … allocation failing, until none did: it either succeeds all
 * the same or says that memory is short, and `check` finds all as it should be afterwards. How
 * many allocations failed.
 */
async function failEverywhere(name, action, check) {
  let points = 0;
  for (let point = 0; ; point += point < 120 ? 1 : 37) {
    setFaults(allocations, point);
    const error = await outcomeOf(action);
    const failed = endFaults();
    if (error !== undefined) {
      assert.ok(failed > 0, `${name} ${point}: ${error.stack}`);
      assertOutOfMemory(error, `${name}, allocation ${point}`);
    }
    await check(`${name}, allocation ${point}`);
    if (failed === 0) return points;
    points++;
  }
}

await runCases({
  memory: async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const batched = await createBatched(engine);
    const pool = new TensorPool();
    const expected = firstOf(await batched.run(rowFeeds()));
    const check = async (where) => {
      assert.ok(isSum(await session.run(smallFeeds())), where);
      assert.ok(isSum(session.runSync(smallFeeds(2)), 2), where);
      assert.deepEqual(firstOf(await batched.run(rowFeeds())), expected, where);
    };
    await check('before');
    const actions = {
      run: async () => assert.ok(isSum(await session.run(smallFeeds(3)), 3)),
      'run with names': () => session.run(smallFeeds(), ['sum']),
      'run with a tag': () => session.run(smallFeeds(), { tag: 'a tag that is longer than that' }),
      'run with a time-out': () => session.run(smallFeeds(), { timeoutMs: 60_000 }),
      'run into a pool': async () => (await session.run(smallFeeds(), { pool })).sum.dispose(),
      runSync: () => session.runSync(smallFeeds(3), ['sum']),
      'wrong feeds': async () => {
        const error = await outcomeOf(() =>
          session.run({ ...smallFeeds(), a: new Tensor('float32', new Float32Array(5)) }),
        );
        if (error.code !== 'ERR_SHAPE_MISMATCH') throw error;
      },
      bind: async () => {
        const io = session.bind();
        io.inputs.a.data.fill(1);
        await io.run();
        io.runSync();
      },
      'bind dynamically': async () => {
        const io = session.bind({ inputs: smallFeeds(), outputs: dynamicOutputs(session) });
        await io.run();
        assert.ok(isSum(io.outputs));
      },
      batches: async () => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 20 }, () => batched.run(rowFeeds())),
        );
        for (const { value, reason } of outcomes) {
          if (reason !== undefined) assertOutOfMemory(reason, 'batches');
          else assert.deepEqual(firstOf(value), expected);
        }
      },
      'watched runs': async () => {
        const io = session.bind({ inputs: smallFeeds() });
        const listen = () => {};
        subscribe('onlite:run', listen);
        try {
          io.runSync();
          session.runSync(smallFeeds());
          await session.run(smallFeeds());
        } finally {
          unsubscribe('onlite:run', listen);
        }
      },
      latency: () => {
        session.latency.total.snapshot();
        session.latency.total.encode();
      },
      create: async () => {
        const created = await createSmall(engine);
        assert.ok(isSum(await created.run(smallFeeds())));
        await created.release();
      },
    };
    let points = 0;
    for (const [name, action] of Object.entries(actions)) {
      points += await failEverywhere(name, action, check);
    }
    // Runs over kept memory have none.
    assert.ok(points > 100, `${points}`);
    if (engine === 'tflite') {
      const counter = await createAccumulator();
      const reset = () => {
        counter.resetVariablesSync();
      };
      await failEverywhere('resetVariablesSync', reset, reset);
      await counter.release();
    }
    await session.release();
    await batched.release();
  },

  files: async (engine) => {
    const files = [];
    for (;;) {
      try {
        files.push(openSync('/dev/null'));
      } catch (error) {
        assert.equal(error.code, 'EMFILE');
        break;
      }
    }
    for (const free of [0, 1, 2]) {
      if (free > 0) closeSync(files.pop());
      const error = await outcomeOf(async () => (await createSmall(engine)).release());
      assert.ok(error === undefined || error instanceof OnliteError, error?.stack);
    }
    for (const file of files) closeSync(file);
    const session = await createSmall(engine);
    assert.ok(isSum(await session.run(smallFeeds())));
    await session.release();
  },
});
report({ name: 'end', error: null });
