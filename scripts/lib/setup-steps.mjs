import { existsSync, readFileSync } from 'node:fs';

import { installRuntimes } from '../runtimes.mjs';
import { SetupError } from './errors.mjs';
import { readJsonOrNull } from './files.mjs';
import { withLock } from './lock.mjs';
import { buildNative, installHint } from './native-build.mjs';
import { findProgram, npmCommand, run } from './process.mjs';
import { at, dependenciesKey, isDone, markDone, ROOT } from './project.mjs';
import { buildTypescript } from './typescript-build.mjs';

const DEPENDENCIES_STAMP = 'node_modules/.onlite-stamp';

/** Runs every step that is not done yet, in order; one set-up at a time. */
export async function setUp({ tests }) {
  const log = (message) => process.stdout.write(`setup: ${message}\n`);
  const runtimes = { peers: tests, log };
  const started = Date.now();
  let worked = false;
  const step = (did) => {
    worked ||= did;
  };
  const steps = async () => {
    step(await installDependencies(log));
    step((await installRuntimes(runtimes)).fetched);
    step(await installCmake(log));
    step(await buildNative({ log }));
    step(await buildTypescript(log));
  };
  // The lock costs nothing when it is free, and a set-up that waited finds everything done.
  await withLock(at('runtimes/.setup.lock'), log, steps);
  if (worked) log(`done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function installDependencies(log) {
  if (isDone(DEPENDENCIES_STAMP, dependenciesKey(), [])) return false;
  if (!existsSync(at('package-lock.json'))) {
    throw new SetupError('package-lock.json is missing', 'git checkout package-lock.json');
  }
  if (isInstalledByNpm()) {
    markDone(DEPENDENCIES_STAMP, dependenciesKey(), []);
    return false;
  }
  log('installing dependencies (npm ci)');
  const [program, ...args] = npmCommand();
  await run(
    program,
    [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: ROOT, remedy: 'check that the npm registry can be reached and run the command again' },
  );
  markDone(DEPENDENCIES_STAMP, dependenciesKey(), []);
  return true;
}

/** Whether someone ran `npm install` or `npm ci` by hand: npm notes there what it installed. */
function isInstalledByNpm() {
  const installed = readJsonOrNull(at('node_modules/.package-lock.json'))?.packages;
  if (!installed) return false;
  const wanted = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.optional || entry.devOptional || entry.peer) return true;
    return installed[path]?.version === entry.version && existsSync(at(path));
  });
}

/** On a bare Debian build machine CMake is installed; on a person's machine nothing is. */
async function installCmake(log) {
  const bareDebian =
    process.env.CI === 'true' && process.getuid?.() === 0 && existsSync('/etc/debian_version');
  if (!bareDebian || findProgram('cmake') !== null) return false;
  log('installing cmake (apt-get)');
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'cmake'], {
    cwd: ROOT,
    remedy: `apt-get update, then ${installHint('cmake')}`,
  });
  return true;
}
