import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { OnliteError } from '../../errors';
import { packageVersion } from '../../package';

const SERVER = '@onlite/server';

/**
 * Hands the rest of the command line to `onlite-server`, in this process: what it prints and how it
 * ends are its own.
 *
 * @throws OnliteError ERR_UNSUPPORTED if it is not installed, with how to do that
 */
export function serve(args: readonly string[]): void {
  const load = createRequire(join(__dirname, 'serve.js'));
  const description = findServer(load);
  const { bin } = load(description) as { bin: Record<string, string> };
  const main = join(dirname(description), bin['onlite-server'] ?? '');
  process.argv.splice(1, Infinity, main, ...args);
  load(main);
}

/** Beside this package, or of the program in whose folder this was started. */
function findServer(load: NodeJS.Require): string {
  for (const paths of [[__dirname], [process.cwd()]]) {
    try {
      return load.resolve(`${SERVER}/package.json`, { paths });
    } catch {
      // The next place.
    }
  }
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `serving models is a package of its own that is not installed. What to do: ` +
      `npm install ${SERVER}@${packageVersion}, or npx ${SERVER}@${packageVersion} MODEL`,
  );
}
