// Builds the native addon for development: cmake-js with CMakeLists.txt.
import { parseArgs } from 'node:util';

import { reportFailure, SetupError } from './lib/errors.mjs';
import { at } from './lib/project.mjs';
import { withLock } from './lib/lock.mjs';
import { addonFile, buildNative } from './lib/native-build.mjs';

const HELP = `usage: node scripts/build-native.mjs [options]

Builds build/Release/onlite.node when the sources differ from the last build's.

  --debug            build-debug/Debug/onlite.node, without optimisation
  --sanitize LIST    with -fsanitize=LIST: address,undefined into build-asan/, thread into
                     build-tsan/
  --quiet            compiler output into the log file only
`;

async function main() {
  const { values } = parseArgs({
    options: {
      debug: { type: 'boolean', default: false },
      sanitize: { type: 'string', default: '' },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!/^([a-z-]+(,[a-z-]+)*)?$/.test(values.sanitize)) {
    throw new SetupError(`--sanitize ${values.sanitize}: expected a list like address,undefined`);
  }
  const log = (message) => process.stdout.write(`build-native: ${message}\n`);
  const options = { ...values, echo: !values.quiet, log };
  const built = await withLock(at('runtimes/.setup.lock'), log, () => buildNative(options));
  log(`${addonFile(values)} ${built ? 'is built' : 'is up to date'}`);
}

main().catch((error) => reportFailure('build-native', error));
