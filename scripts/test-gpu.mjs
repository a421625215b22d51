// The tests of providers with a device of their own, once for each that can be used here: WebGPU, which
// Debian's SwiftShader has without a GPU, CUDA and TensorRT. Others are left out with the reason.
//   node scripts/test-gpu.mjs [provider...]
import { output, run, runMain } from './lib/native-tools.mjs';
import { at } from './lib/project.mjs';
import { hasGpu, useSwiftShader } from './lib/swiftshader.mjs';

const files = [
  'device-provider',
  'device-outputs',
  'cuda-graphs',
  'pinned-memory',
  'provider-library',
  'shared-device',
];

/** Prints why a provider cannot be used; nothing if it can. In a process of its own, which may end. */
const probe = `
  const { InferenceSession, useProvider } = require(${JSON.stringify(at('.'))});
  const [model, provider] = process.argv.slice(1);
  (async () => {
    if (provider !== 'webgpu') await useProvider('cuda').catch(() => {});
    const session = await InferenceSession.create(model, { executionProviders: [provider] });
    await session.release();
  })().catch(({ message, cause }) => console.log(cause?.message ?? message));
`;

await runMain(() => {
  if (!hasGpu()) useSwiftShader();
  const wanted = process.argv.slice(2);
  const providers = wanted.length > 0 ? wanted : ['webgpu', 'cuda', 'tensorrt'];
  const model = at('test/fixtures/models/add4.onnx');
  for (const provider of providers) {
    const reason = output(process.execPath, ['-e', probe, model, provider]);
    if (reason !== '') {
      console.log(`${provider}: skipped (${reason ?? 'its process ended'})`);
      continue;
    }
    console.log(`${provider}:`);
    const tests = files.map((name) => `test/integration/${name}.test.ts`);
    const vitest = at('node_modules', 'vitest', 'vitest.mjs');
    run(process.execPath, [vitest, 'run', ...tests], { env: { ONLITE_TEST_PROVIDER: provider } });
  }
});
