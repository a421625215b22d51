// Attaches the session of workerData.handle and runs it in every way, with feeds of its own.
import { parentPort, workerData } from 'node:worker_threads';

import { InferenceSession, Tensor } from 'onlite';

const { handle, index, steps } = workerData;
const session = InferenceSession.attach(handle);
const floats = (...values) => new Tensor('float32', values);

/** Feeds of a step, and what `next` and `y` are of them. */
const made = (step) => {
  const [first, second] = [index + step, index * step];
  const feeds = { x: floats(index, step), state: floats(step, second - step) };
  return { feeds, wanted: { next: [first, second], y: [first ** 2, second ** 2] } };
};

const wrong = [];
function compare(way, step, name, { data }, wanted) {
  if (data.length === wanted.length && wanted.every((value, at) => value === data[at])) return;
  wrong.push(`${way}, step ${step}, ${name}: [${data.join()}] in place of [${wanted.join()}]`);
}

/** A synchronous run beside others may be refused, and is made again: it never waits. */
async function untilDone(run) {
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (error.code !== 'ERR_BUSY') throw error;
      await new Promise(setImmediate);
    }
  }
}

const io = session.bind();
const onDevice = session.bind({ outputs: { next: { location: 'device' } } });
const carried = session.bind({
  inputs: { state: floats(0, 0) },
  outputs: { next: { location: 'device' } },
  carry: { next: 'state' },
});

for (let step = 0; step < steps; step++) {
  const { feeds, wanted } = made(step);
  const compareAll = (way, results) => {
    for (const name of ['next', 'y']) compare(way, step, name, results[name], wanted[name]);
  };
  const several = await Promise.all([1, 2, 3].map(() => session.run(feeds)));
  for (const results of several) compareAll('run', results);
  compareAll('runSync', await untilDone(() => session.runSync(feeds)));
  for (const binding of [io, onDevice]) {
    for (const [name, { data }] of Object.entries(feeds)) binding.inputs[name].data.set(data);
    await binding.run();
  }
  compareAll('a binding', io.outputs);
  compare('on the device', step, 'y', onDevice.outputs.y, wanted.y);
  compare('copied', step, 'next', await onDevice.outputs.next.copyToHost(), wanted.next);
  await untilDone(() => io.runSync());
  compareAll('a binding, synchronously', io.outputs);
  carried.inputs.x.data.set([1, index]);
  await carried.run();
  const sum = [step + 1, index * (step + 1)];
  compare('carried', step, 'next', await carried.outputs.next.copyToHost(), sum);
}
parentPort.postMessage(wrong);
// Whoever ends this thread does so in the middle of runs.
for (;;) await Promise.all([session.run(made(1).feeds), onDevice.run(), carried.run()]);
