// Checks deploy/ with the real tools: Helm, kustomize, promtool, HAProxy, Prometheus, and the published schemas of
// Kubernetes, KServe, KEDA and the Prometheus operator.
//   node scripts/test-deploy.mjs [name...]
import { manifests } from './deploy/manifests.mjs';
import { rolling } from './deploy/rolling.mjs';
import { rules } from './deploy/rules.mjs';
import { SetupError } from './lib/errors.mjs';
import { runMain } from './lib/native-tools.mjs';

/** Functions that throw what is wrong, and return why they did nothing, if so. */
const cases = { rules, manifests, rolling };

await runMain(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !Object.hasOwn(cases, name));
  if (unknown !== undefined) {
    throw new SetupError(`unknown case ${unknown}; there are: ${Object.keys(cases).join(', ')}`);
  }
  const failed = [];
  for (const name of names.length > 0 ? names : Object.keys(cases)) {
    const start = performance.now();
    try {
      const skipped = await cases[name]();
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(skipped ? `skipped ${name}: ${skipped}` : `ok      ${name} (${seconds} s)`);
    } catch (error) {
      console.log(`FAILED  ${name}: ${error.message}`);
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
});
