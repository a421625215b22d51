// node delegated.mjs MODEL.tflite…: prints into how many parts each model is cut, those that XNNPACK
// takes and single operators between them, as JSON by path.
import { InferenceSession, Tensor } from 'onlite';

const parts = {};
for (const path of process.argv.slice(2)) {
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const feeds = session.inputMetadata.map(({ name, type, shape }) => {
    const values = Array.from(
      { length: shape.reduce((product, dim) => product * dim, 1) },
      () => 0,
    );
    return [name, new Tensor(type, values, shape)];
  });
  const { operators } = await session.profile(Object.fromEntries(feeds), { runs: 1 });
  // An operator of XNNPACK's is called xnnpack/SUBGRAPH/PARTITION/OPERATOR.
  const names = operators.map(({ name, provider }) =>
    provider === 'xnnpack' ? name.split('/').slice(0, 3).join('/') : name,
  );
  parts[path] = new Set(names).size;
  await session.release();
}
console.log(JSON.stringify(parts));
