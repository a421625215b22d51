// Buffers that are transferred, detached or resized while runs use them.
// Needs --expose-gc, and ArrayBuffer.prototype.transfer if the engine can have it.
import { strict as assert } from 'node:assert';
import { inspect } from 'node:util';
import { MessageChannel } from 'node:worker_threads';

import { Tensor } from 'onlite';

import { runCases } from './cases.mjs';
import {
  createLong,
  createSmall,
  dynamicOutputs,
  isSum,
  longFeeds,
  longOutput,
  smallFeeds,
  turn,
} from './models.mjs';

/**
 * Ways to take a view's memory from it. `maxLength` makes it resizable, to so
 * many times its size; `tracks` has the view follow the buffer's length; `keeps`
 * says that the view is still good afterwards, `keepsBound` that memory bound is. `take` returns the buffer that
 * has the memory now, if another has.
 */
const ways = {
  'structuredClone with transfer': {
    take: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  },
  'postMessage with transfer': {
    take: (buffer) => {
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(buffer, [buffer]);
      port1.close();
      port2.close();
    },
  },
  'transfer()': { take: (buffer) => buffer.transfer() },
  'transfer() to less': { take: (buffer) => buffer.transfer(4) },
  'transferToFixedLength()': { maxLength: 2, take: (buffer) => buffer.transferToFixedLength() },
  'structuredClone of a resizable buffer': {
    maxLength: 2,
    take: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  },
  'resize to nothing': { maxLength: 2, take: (buffer) => buffer.resize(0) },
  'resize to less': { maxLength: 2, take: (buffer) => buffer.resize(buffer.byteLength - 4) },
  'resize to less, length-tracking': {
    maxLength: 2,
    tracks: true,
    take: (buffer) => buffer.resize(buffer.byteLength - 4),
  },
  'resize to more': {
    maxLength: 64,
    keeps: true,
    take: (buffer) => buffer.resize(buffer.maxByteLength),
  },
  'resize to more, length-tracking': {
    maxLength: 64,
    tracks: true,
    keepsBound: true,
    take: (buffer) => buffer.resize(buffer.maxByteLength),
  },
  'resize to nothing and back': {
    maxLength: 2,
    keeps: true,
    take: (buffer) => {
      const { byteLength } = buffer;
      buffer.resize(0);
      buffer.resize(byteLength);
    },
  },
};
// What the engine lacks: Node 20 has transfer() with a flag only.
const usable = Object.entries(ways).filter(
  ([name]) => 'transfer' in ArrayBuffer.prototype || !name.startsWith('transfer'),
);

function makeView({ maxLength, tracks }, values) {
  const bytes = 4 * values.length;
  const options = maxLength === undefined ? {} : { maxByteLength: maxLength * bytes };
  const buffer = new ArrayBuffer(bytes, options);
  const view = tracks ? new Float32Array(buffer) : new Float32Array(buffer, 0, values.length);
  view.set(values);
  return view;
}

/** Takes the memory and spoils what can still be reached of it. */
function takeAway({ take }, view) {
  const buffer = take(view.buffer) ?? view.buffer;
  if (buffer.byteLength > 0) new Uint8Array(buffer).fill(0xff);
}

/** Garbage collections free what was taken away. */
const collect = (round) => {
  if (round % 4 === 0) globalThis.gc();
};

const isGone = (error) => error?.code === 'ERR_BUFFER_DETACHED';

async function assertGone(promise, name) {
  const outcome = await promise.then(
    (result) => result,
    (error) => error,
  );
  assert.ok(isGone(outcome), `${name}: ${inspect(outcome)}`);
}

/** Lets a run begin, or not, or even end. */
async function someTime(round) {
  for (let turns = 0; turns < round % 3; turns++) await turn();
}

/** Does something with each way at the same time. */
const withEach = (act) => Promise.all(usable.map(([name, way]) => act(way, name)));

const replaced = (tensor, view) => new Tensor(tensor.type, view, tensor.dims);

/** About what a slow run takes. */
const ms = 1;
let long;
let expected;

/**
 * Whether a run's result has been put there, which happens in JavaScript's thread some
 * microtasks before its promise tells.
 */
const isFilled = (view) => view.every((value, index) => value === expected[index]);

/** A session of the slow model, and its result, kept for all rounds. */
async function slow(engine) {
  long ??= await createLong(engine, { concurrency: 2 });
  const output = longOutput(engine);
  expected ??= long.runSync(longFeeds(engine, ms), [output])[output].data;
  return { session: long, feeds: longFeeds(engine, ms), output };
}

await runCases({
  'feeds of a quick run': async (engine, round) => {
    const session = await createSmall(engine);
    await withEach(async (way, name) => {
      const { a, b } = smallFeeds(round);
      const views = [makeView(way, a.data), makeView(way, b.data)];
      const feeds = { a: replaced(a, views[0]), b: replaced(b, views[1]) };
      const runs = [session.run(feeds), session.run(feeds, ['sum']), session.run(feeds)];
      for (const view of views) takeAway(way, view);
      collect(round);
      for (const result of await Promise.all(runs)) assert.ok(isSum(result, round), name);
    });
    await session.release();
  },

  'feeds of a slow run': async (engine, round) => {
    const { session, feeds, output } = await slow(engine);
    await withEach(async (way, name) => {
      const views = [];
      const taken = Object.fromEntries(
        Object.entries(feeds).map(([key, tensor]) => {
          if (tensor.type !== 'float32') return [key, tensor];
          views.push(makeView(way, tensor.data));
          return [key, replaced(tensor, views.at(-1))];
        }),
      );
      const run = session.run(taken, [output]);
      await someTime(round);
      for (const view of views) takeAway(way, view);
      collect(round);
      assert.deepEqual((await run)[output].data, expected, name);
    });
  },

  fetches: async (engine, round) => {
    const { session, feeds, output } = await slow(engine);
    await withEach(async (way, name) => {
      const view = makeView(
        way,
        expected.map(() => 0),
      );
      const fetch = new Tensor('float32', view, [view.length]);
      const run = session.run(feeds, { [output]: fetch });
      await someTime(round);
      const wasFilled = isFilled(view);
      takeAway(way, view);
      collect(round);
      if (!wasFilled && !way.keeps) return assertGone(run, name);
      assert.equal((await run)[output], fetch);
      if (!wasFilled) assert.ok(isFilled(view), name);
    });
  },

  'inputs of a binding': async (engine, round) => {
    const { session, feeds, output } = await slow(engine);
    const [input, tensor] = Object.entries(feeds).find(([, { type }]) => type === 'float32');
    await withEach(async (way, name) => {
      const view = makeView(way, tensor.data);
      const io = session.bind({
        inputs: { ...feeds, [input]: replaced(tensor, view) },
        outputs: dynamicOutputs(session),
      });
      const run = io.run();
      await someTime(round);
      takeAway(way, view);
      collect(round);
      await run;
      assert.deepEqual(io.outputs[output].data, expected, name);
      if (way.keeps || way.keepsBound) view.set(tensor.data);
      else {
        await assertGone(io.run(), name);
        assert.throws(() => io.runSync(), isGone, name);
        io.setInput(input, tensor);
      }
      await io.run();
      assert.deepEqual(io.outputs[output].data, expected, name);
      io.dispose();
    });
  },

  'outputs of a binding': async (engine, round) => {
    const { session, feeds, output } = await slow(engine);
    await withEach(async (way, name) => {
      const view = makeView(
        way,
        expected.map(() => 0),
      );
      const io = session.bind({
        inputs: feeds,
        outputs: {
          ...dynamicOutputs(session),
          [output]: new Tensor('float32', view, [view.length]),
        },
      });
      const run = io.run();
      await someTime(round);
      const wasFilled = isFilled(view);
      takeAway(way, view);
      collect(round);
      if (way.keeps || way.keepsBound) {
        await run;
        if (!wasFilled) assert.ok(isFilled(view.subarray(0, expected.length)), name);
      } else {
        if (wasFilled) await run;
        else await assertGone(run, name);
        await assertGone(io.run(), name);
        const other = new Tensor('float32', new Float32Array(3), [3]);
        io.setOutput(output, other);
        await io.run();
        assert.deepEqual(other.data, expected, name);
      }
      io.dispose();
    });
  },

  'the end': () => long.release(),
});
