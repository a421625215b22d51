// Loads two packages that register with onnxruntime-common, in the order given, and runs with both.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { report } from '../lifecycle/children/cases.mjs';

const require = createRequire(import.meta.url);
const model = fileURLToPath(new URL('../fixtures/models/add4.onnx', import.meta.url));
for (const name of process.argv.slice(2)) {
  const { InferenceSession, Tensor } = require(name);
  const session = await InferenceSession.create(model);
  const x = () => new Tensor('float32', [1, 2, 3, 4]);
  assert.deepEqual([...(await session.run({ a: x(), b: x() })).sum.data], [2, 4, 6, 8]);
  await session.release();
  report({ name, error: null });
}
