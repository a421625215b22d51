// The command line of the package, as its users run it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { childScript } from '../harness/child.mjs';
import { ROOT } from '../harness/paths.mjs';
import { Skip } from '../harness/skip.mjs';

const NOT_HELD = 3;
const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/**
 * Runs `onlite WORDS… --json` in a process of its own. A limit that is not held is no failure; a
 * command that this build does not have is a Skip.
 *
 * @param folder - for what is passed from the process
 * @returns its `document`, `seconds` from start to end, and `peakBytes` and `cpuSeconds` by usage.cjs
 */
export function onlite(words, folder) {
  const usageFile = join(folder, 'usage.json');
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', childScript('usage.cjs'), join(ROOT, bin.onlite), ...words, '--json'],
    { encoding: 'utf8', maxBuffer: 2 ** 28, env: { ...process.env, USAGE_FILE: usageFile } },
  );
  const seconds = (performance.now() - start) / 1000;
  if (/no command is called|unknown command/i.test(stderr)) {
    throw new Skip(`this build has no 'onlite ${words[0]}'`);
  }
  if (status !== 0 && status !== NOT_HELD) {
    throw new Error(`onlite ${words.join(' ')} ended with ${status}: ${stderr.trim()}`);
  }
  const usage = JSON.parse(readFileSync(usageFile, 'utf8'));
  return { document: JSON.parse(stdout), seconds, ...usage };
}
