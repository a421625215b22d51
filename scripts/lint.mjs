// Every static check, each with the same verdict here and in CI: a warning is an error.
// `--fix` rewrites what can be rewritten; `--only eslint,clang-tidy` runs some of the checks.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { clangTidy } from './lib/clang-tidy.mjs';
import {
  ensurePackages,
  hasCommand,
  hasFile,
  hasGoogleTest,
  output,
  run,
  runMain,
} from './lib/native-tools.mjs';
import { pipCommand } from './lib/process.mjs';
import { ROOT } from './lib/project.mjs';

const { values: options } = parseArgs({
  options: {
    fix: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** A tool of the development dependencies, run without npx's start-up. */
const bin = (name, file) => join(ROOT, 'node_modules', name, file);

/** Files of native/ whose name ends so, relative to the root, in a fixed order. */
function nativeFiles(pattern) {
  return readdirSync(join(ROOT, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

/** The formatter's output differs between major versions: only 14 will do. */
const clangFormat = () =>
  ['clang-format-14', 'clang-format'].find((command) =>
    output(command, ['--version'])?.includes('version 14.'),
  );

const checks = {
  types: () => run(process.execPath, [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json']),

  eslint: () =>
    run(process.execPath, [
      bin('eslint', 'bin/eslint.js'),
      '--max-warnings=0',
      '--no-error-on-unmatched-pattern',
      ...(options.fix ? ['--fix'] : []),
      '.',
    ]),

  prettier: () =>
    run(process.execPath, [
      bin('prettier', 'bin/prettier.cjs'),
      options.fix ? '--write' : '--check',
      '--log-level=warn',
      '**/*.{ts,mts,cts,js,mjs,cjs,json,md,yml,yaml}',
      // Written by generators and read by tests; .prettierignore knows no braces.
      '!test/fixtures/*.json',
      '!test/fixtures/{cases,microwakeword,npy,vendor-crashes}/**',
    ]),

  'clang-format': () => {
    ensurePackages({ 'clang-format-14': () => clangFormat() !== undefined });
    const files = nativeFiles(/\.(cc|h)$/);
    if (options.fix) return run(clangFormat(), ['-i', ...files]);
    if (output(clangFormat(), ['--dry-run', '-Werror', ...files]) !== null) return;
    const unformatted = files.filter(
      (file) => output(clangFormat(), ['--dry-run', '-Werror', file]) === null,
    );
    if (unformatted.length > 0) {
      throw new Error(`not formatted (npm run lint -- --fix):\n  ${unformatted.join('\n  ')}`);
    }
  },

  'clang-tidy': async () => {
    ensurePackages({
      'python3-pip': () => pipCommand() !== null,
      cmake: hasCommand('cmake'),
      'ninja-build': hasCommand('ninja'),
      'libgtest-dev': hasGoogleTest,
      'g++': hasFile('/usr/bin/c++', '/usr/bin/g++'),
    });
    await clangTidy({ fix: options.fix });
  },
};

await runMain(async () => {
  if (options.help) {
    console.log(`usage: node scripts/lint.mjs [--fix] [--only ${Object.keys(checks).join(',')}]`);
    return;
  }
  const names = options.only?.split(',') ?? Object.keys(checks);
  const failed = [];
  for (const name of names) {
    if (!Object.hasOwn(checks, name)) throw new Error(`no check is called ${name}`);
    const start = performance.now();
    try {
      await checks[name]();
    } catch (error) {
      failed.push(name);
      console.error(error.message);
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${failed.includes(name) ? 'FAILED' : 'ok    '} ${name} (${seconds} s)`);
  }
  if (failed.length > 0) throw new Error(`lint failed: ${failed.join(', ')}`);
});
