// Long bursts of completions: the event loop gets its turns all the same.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { runCases } from './cases.mjs';
import { createBatched, createSmall, rowFeeds, smallFeeds } from './models.mjs';

const lanes = 64;
const count = 2000;
const steps = 50_000;

/**
 * What a program does with each result. While it does, further runs end, so
 * that there are always completions to be handed over next.
 */
function useResult() {
  let hash = 1;
  for (let step = 0; step < steps; step++) hash = Math.imul(hash, 16_777_619) ^ step;
  return hash;
}

/** Runs in a closed loop, `count` in all, and whether they have ended. */
function keepBusy(starts) {
  const loop = { done: false, left: count, ended: undefined };
  const lane = async (start) => {
    while (loop.left-- > 0) {
      await start();
      assert.notEqual(useResult(), 0);
    }
  };
  loop.ended = Promise.all(starts.map(lane)).then(() => {
    loop.done = true;
  });
  return loop;
}

/** A client that connects, and asks again when it was answered, some times. */
async function exchange(times) {
  const server = createServer((socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const start = async () => {
    const socket = connect(server.address().port, '127.0.0.1');
    for (let time = 0; time < times; time++) {
      socket.write('ping');
      await once(socket, 'data');
    }
    socket.destroy();
    server.close();
  };
  return start;
}

/** Each of these needs turns of the event loop, and gets them before the runs end by themselves. */
async function assertTurns(starts) {
  const talk = await exchange(3);
  const loop = keepBusy(starts);
  const late = [];
  const noteLate = (what) => () => {
    if (loop.done) late.push(what);
  };
  const turns = [
    new Promise((resolve) => setImmediate(resolve)).then(noteLate('setImmediate')),
    new Promise((resolve) => setTimeout(resolve, 0)).then(noteLate('setTimeout')),
    talk().then(noteLate('socket')),
  ];
  await Promise.all([loop.ended, ...turns]);
  assert.deepEqual(late, []);
}

await runCases({
  'while bindings run': async (engine) => {
    const session = await createSmall(engine);
    const bindings = Array.from({ length: lanes }, () => session.bind());
    await assertTurns(bindings.map((io) => () => io.run()));
    await session.release();
  },

  'while objects run': async (engine) => {
    const session = await createSmall(engine);
    const feeds = smallFeeds();
    await assertTurns(Array.from({ length: lanes }, () => () => session.run(feeds)));
    await session.release();
  },

  'while batches run': async (engine) => {
    const session = await createBatched(engine, { batching: { maxBatchSize: lanes } });
    const feeds = rowFeeds();
    await assertTurns(Array.from({ length: lanes }, () => () => session.run(feeds)));
    await session.release();
  },
});
