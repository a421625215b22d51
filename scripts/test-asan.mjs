// The vitest suite with the addon built under AddressSanitizer and UBSan (Linux, GCC).
//   node scripts/test-asan.mjs [vitest arguments: test/unit, -t name, …]
import { run, runMain } from './lib/native-tools.mjs';
import { at } from './lib/project.mjs';
import { buildSanitized } from './lib/sanitized.mjs';

await runMain(() => {
  const env = buildSanitized();
  const vitest = at('node_modules', 'vitest', 'vitest.mjs');
  run(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { env });
});
