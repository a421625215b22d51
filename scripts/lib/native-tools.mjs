// What the lint and native test scripts share: running a tool, finding it, installing it in CI.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './project.mjs';

/** Runs a command with our output; throws an Error that names it when it fails. */
export function run(command, args, { env = {}, cwd = ROOT } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (result.error) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0) {
    const how = result.signal ? `was killed by ${result.signal}` : `exited with ${result.status}`;
    throw new Error(`${[command, ...args.slice(0, 3)].join(' ')} ${how}`);
  }
}

/** What a command prints on stdout, trimmed, or null if it cannot be run or fails. */
export function output(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  return result.error || result.status !== 0 ? null : result.stdout.trim();
}

/**
 * Makes sure that each Debian package's tool is there. `packages` maps a package to a test of
 * its presence. Missing ones are installed only in CI (CI=true), as root, where apt-get exists:
 * on a developer's machine the error says what to install.
 */
export function ensurePackages(packages) {
  const missing = () => Object.keys(packages).filter((name) => !packages[name]());
  const before = missing();
  if (before.length === 0) return;
  const mayInstall =
    process.env.CI === 'true' && process.getuid?.() === 0 && output('apt-get', ['--version']);
  if (mayInstall) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    run('apt-get', ['update', '-qq'], { env });
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...before], { env });
  }
  const after = missing();
  if (after.length > 0) {
    throw new Error(`missing: ${after.join(' ')} (on Debian: apt-get install ${after.join(' ')})`);
  }
}

/** A test of presence for ensurePackages: the command answers to --version. */
export const hasCommand = (command) => () => output(command, ['--version']) !== null;

/** A test of presence for ensurePackages: one of the files exists. */
export const hasFile =
  (...paths) =>
  () =>
    paths.some((path) => existsSync(path));

/** GoogleTest, wherever the distribution puts it. */
export const hasGoogleTest = hasFile(
  '/usr/include/gtest/gtest.h',
  '/usr/local/include/gtest/gtest.h',
  '/opt/homebrew/include/gtest/gtest.h',
);

/**
 * The environment by which the C++ tests find the runtimes and models that setup fetched. What the
 * caller has set already stays: that is how another version of a runtime is tested.
 */
export function runtimeEnvironment() {
  const directory = join(ROOT, 'runtimes', `${process.platform}-${process.arch}`);
  const find = (variable, pattern) => {
    const given = process.env[variable];
    if (given) return given;
    const files = existsSync(directory) ? readdirSync(directory) : [];
    const file = files.find((name) => pattern.test(name));
    if (!file) throw new Error(`no ${pattern.source} in ${directory}: run "npm run setup" first`);
    return join(directory, file);
  };
  return {
    ONLITE_TEST_ORT_LIBRARY: find(
      'ONLITE_TEST_ORT_LIBRARY',
      /^(lib)?onnxruntime\.(so\.1$|so\.1\.[\d.]+$|.*dylib$|dll$)/,
    ),
    ONLITE_TEST_TFLITE_LIBRARY: find(
      'ONLITE_TEST_TFLITE_LIBRARY',
      /^(lib)?tensorflowlite_c\.(so|dylib|dll)$/,
    ),
    ONLITE_TEST_MODELS: process.env.ONLITE_TEST_MODELS ?? join(ROOT, 'models'),
  };
}

/** Runs `main` and turns a thrown Error into one line and exit code 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  }
}
