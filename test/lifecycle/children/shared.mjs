// Sessions that threads share: whoever comes and goes, the others' runs go on, and the last one
// takes the model with it. Needs --expose-gc.
import { strict as assert } from 'node:assert';

import { InferenceSession } from 'onlite';

import { runCases } from './cases.mjs';
import {
  createAccumulator,
  createBatched,
  createLong,
  createSmall,
  isSum,
  longOutput,
  rowFeeds,
  runLong,
  sleep,
  smallFeeds,
} from './models.mjs';
import { SharedThread } from './shared-thread.mjs';

async function start(handle) {
  const thread = new SharedThread(handle);
  await thread.ready;
  return thread;
}

/** Runs of the long model until `end` is called, which gives how many succeeded. */
function keepRunning(session, ms) {
  let ending = false;
  const repeat = async () => {
    let count = 0;
    for (; !ending; count++) {
      const result = await runLong(session, ms);
      assert.equal(result[longOutput(session.engine)].data.length, 3);
    }
    return count;
  };
  const lanes = [repeat(), repeat()];
  return async () => {
    ending = true;
    return (await Promise.all(lanes)).reduce((sum, count) => sum + count);
  };
}

function assertReleased(handle) {
  assert.throws(() => InferenceSession.attach(handle), { code: 'ERR_SESSION_RELEASED' });
}

/** A worker's end closes the session a moment later, if runs were left. */
async function untilReleased(handle) {
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      await InferenceSession.attach(handle).release();
    } catch (error) {
      assert.equal(error.code, 'ERR_SESSION_RELEASED');
      return;
    }
    await sleep(5);
  }
  assert.fail('somebody still has the session');
}

await runCases({
  'a worker that is terminated in mid-run takes nothing down': async (engine, round) => {
    const session = await createLong(engine, { concurrency: 2 });
    const handle = session.share();
    const end = keepRunning(session, 1);
    const thread = await start(handle);
    await thread.ask('keep', { ms: 2 });
    await sleep((round * 3) % 10);
    await thread.terminate();
    await runLong(session, 1);
    assert.ok((await end()) > 0);
    await session.release();
    assertReleased(handle);
  },

  'the one that shares it releases it first': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const handle = session.share();
    const thread = await start(handle);
    const checked = thread.ask('check', { times: 20 });
    await session.release();
    assert.deepEqual(await checked, { right: 60 });
    await assert.rejects(session.run(smallFeeds()), { code: 'ERR_SESSION_RELEASED' });
    const again = InferenceSession.attach(handle);
    assert.ok(isSum(await again.run(smallFeeds(3)), 3));
    await again.release();
    assert.deepEqual(await thread.ask('check', { times: 1 }), { right: 3 });
    assert.deepEqual(await thread.ask('release'), {});
    assertReleased(handle);
    await thread.exit();
  },

  'a worker releases it first': async (engine) => {
    const session = await createSmall(engine, { concurrency: 2 });
    const handle = session.share();
    const thread = await start(handle);
    await thread.ask('check', { times: 5 });
    await thread.ask('release');
    assert.equal((await thread.ask('check', { times: 1 })).code, 'ERR_SESSION_RELEASED');
    assert.ok(isSum(await session.run(smallFeeds(2)), 2));
    assert.ok(isSum(session.runSync(smallFeeds(2)), 2));
    await session.release();
    assertReleased(handle);
    await thread.exit();
  },

  'a release waits for its own runs and not for those of others': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const thread = await start(session.share());
    let others = 'running';
    const endless = thread.ask('runUntilCancelled').then(() => (others = 'ended'));
    let own = 'running';
    runLong(session, 5).then(() => (own = 'ended'));
    await session.release();
    assert.deepEqual({ own, others }, { own: 'ended', others: 'running' });
    await thread.ask('cancel');
    await endless;
    await thread.exit();
  },

  'nobody attaches what was released': async (engine) => {
    const session = await createSmall(engine);
    const handle = session.share();
    await session.release();
    const thread = await start(undefined);
    assert.equal((await thread.ask('attach', { handle })).code, 'ERR_SESSION_RELEASED');
    await thread.exit();
    assertReleased(handle);
  },

  'the last to have it is a worker that is terminated in mid-run': async (engine) => {
    const session = await createLong(engine, { concurrency: 2 });
    const handle = session.share();
    const thread = await start(handle);
    await thread.ask('keep', { ms: 2 });
    await session.release();
    await sleep(3);
    await thread.terminate();
    await untilReleased(handle);
  },

  'workers attach, run and are terminated in turn': async (engine) => {
    const session = await createSmall(engine, { concurrency: 4 });
    const handle = session.share();
    let ending = false;
    const runs = (async () => {
      for (let number = 0; !ending; number++) {
        assert.ok(isSum(await session.run(smallFeeds(number)), number));
        await sleep(0);
      }
    })();
    const churn = async () => {
      for (let worker = 0; worker < 10; worker++) {
        const thread = await start(handle);
        assert.deepEqual(await thread.ask('check', { times: 3 }), { right: 9 });
        thread.ask('check', { times: 1000 });
        await sleep(worker % 4);
        await thread.terminate();
      }
    };
    await Promise.all([churn(), churn()]);
    ending = true;
    await runs;
    await session.release();
    assertReleased(handle);
  },

  'a worker ends with rows in a batch of several threads': async (engine) => {
    const session = await createBatched(engine, {
      batching: { maxBatchSize: 64, maxDelayMs: 20 },
    });
    const row = async () => Object.values(await session.run(rowFeeds(1)))[0].data;
    const expected = await row();
    const thread = await start(session.share());
    thread.ask('rows', { count: 8 });
    const results = Promise.all(Array.from({ length: 8 }, row));
    await sleep(2);
    await thread.terminate();
    for (const data of await results) assert.deepEqual(data, expected);
    await session.release();
  },

  'a forgotten one lets go': async (engine) => {
    const session = await createSmall(engine);
    const handle = session.share();
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    await (async () => {
      for (let index = 0; index < 5; index++) {
        const attached = InferenceSession.attach(handle);
        assert.ok(isSum(await attached.run(smallFeeds(index)), index));
        attached.bind();
        registry.register(attached, index);
      }
    })();
    for (let attempt = 0; collected < 5; attempt++) {
      assert.ok(attempt < 400, 'not collected');
      globalThis.gc();
      await sleep(5);
    }
    assert.ok(isSum(await session.run(smallFeeds(7)), 7));
    await session.release();
    assertReleased(handle);
  },

  'variables are those of all': async () => {
    const session = await createAccumulator();
    const attached = InferenceSession.attach(session.share());
    const [name] = session.inputNames;
    const [output] = session.outputNames;
    const [{ shape, type }] = session.inputMetadata;
    const feeds = {
      [name]: {
        type,
        dims: shape,
        data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1),
      },
    };
    const sums = [];
    for (const each of [session, attached, session])
      sums.push((await each.run(feeds))[output].data[0]);
    assert.deepEqual(sums, [sums[0], sums[0] + 1, sums[0] + 2]);
    await attached.resetVariables();
    assert.equal((await session.run(feeds))[output].data[0], sums[0]);
    await session.release();
    assert.equal((await attached.run(feeds))[output].data[0], sums[0] + 1);
    await attached.release();
  },
});
