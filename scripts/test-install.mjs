// Installs the packages with every installer and Node there is a package of, from a registry of this
// machine's own, and runs programs with them, bundled too: no compiler, Python or network. Prints the
// sizes, too.
//   node scripts/test-install.mjs [name...]
import { rmSync } from 'node:fs';

import { bundlerCases } from './install/bundlers.mjs';
import { cleanProject } from './install/checks.mjs';
import { installerCases } from './install/installers.mjs';
import { executableCases } from './install/single-executable.mjs';
import { printSizes } from './install/sizes.mjs';
import { surroundingsCases } from './install/surroundings.mjs';
import { typesCases } from './install/types.mjs';
import { SetupError } from './lib/errors.mjs';
import { runMain } from './lib/native-tools.mjs';
import { serveRegistry } from './lib/registry.mjs';
import { makePackages } from './package.mjs';

/** Functions of a clean project, the registry and the archives; they return why they did nothing, if so. */
const cases = {
  ...installerCases,
  ...surroundingsCases,
  ...bundlerCases,
  ...executableCases,
  ...typesCases,
  sizes: printSizes,
};

async function runCase(name, registry, archives) {
  const project = cleanProject(name);
  const start = performance.now();
  try {
    const skipped = await cases[name](project, registry, archives);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(skipped ? `skipped ${name}: ${skipped}` : `ok      ${name} (${seconds} s)`);
    return true;
  } catch (error) {
    console.log(`FAILED  ${name}: ${error.message}`);
    return false;
  } finally {
    rmSync(project.root, { recursive: true, force: true });
  }
}

await runMain(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !Object.hasOwn(cases, name));
  if (unknown !== undefined) {
    throw new SetupError(`unknown case ${unknown}; there are: ${Object.keys(cases).join(', ')}`);
  }
  const archives = await makePackages(null);
  const served = cleanProject('registry');
  const registry = await serveRegistry(archives, served.root);
  const failed = [];
  for (const name of names.length > 0 ? names : Object.keys(cases)) {
    if (!(await runCase(name, registry, archives))) failed.push(name);
  }
  await registry.close();
  rmSync(served.root, { recursive: true, force: true });
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
});
