// onlite and onnxruntime-node in one process: arguments are the peer's folder and who is
// first. Each runs a model before, between and after the other's; reports onlite's pools.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { report } from '../lifecycle/children/cases.mjs';

const [peer, first] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const model = fileURLToPath(new URL('../fixtures/models/add4.onnx', import.meta.url));

/** Has a session of one package run, with tensors of its own. */
async function makeRunner(name) {
  const ort = require(name);
  const session = await ort.InferenceSession.create(model);
  const run = async (Tensor = ort.Tensor) => {
    const feeds = {
      a: new Tensor('float32', [1, 2, 3, 4]),
      b: new Tensor('float32', [10, 20, 30, 40]),
    };
    assert.deepEqual([...(await session.run(feeds)).sum.data], [11, 22, 33, 44]);
  };
  await run();
  return { ort, session, run };
}

const [one, other] = first === 'onlite' ? ['onlite', peer] : [peer, 'onlite'];
const a = await makeRunner(one);
const b = await makeRunner(other);
for (let round = 0; round < 3; round++) {
  await a.run();
  await b.run();
}
await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? a : b).run()));

const [onlite, peers] = first === 'onlite' ? [a, b] : [b, a];
// The peer's tensors are onnxruntime-common's.
await onlite.run(peers.ort.Tensor);
const { threadPools, path } = onlite.ort.runtimeInfo().runtimes.onnxruntime;

await a.session.release();
await b.run();
const again = await makeRunner(one);
await b.session.release();
await again.run();
report({ threadPools, path });
// One session of each package is left for the end of the process.
await makeRunner(other);
