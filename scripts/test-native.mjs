// The C++ tests: plain, under ASan + UBSan, and under TSan.
//   node scripts/test-native.mjs [plain] [asan] [tsan] [--filter REGEX] [--jobs N]
import { parseArgs } from 'node:util';

import {
  ensurePackages,
  hasCommand,
  hasGoogleTest,
  output,
  run,
  runMain,
  runtimeEnvironment,
} from './lib/native-tools.mjs';
import { at, ROOT } from './lib/project.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { filter: { type: 'string' }, jobs: { type: 'string', default: '2' } },
});

/** `labels` and `targets`: what is run and built, all when absent; `prefix`: ctest is run under it. */
const builds = {
  plain: { cmake: [], environment: {} },
  asan: {
    cmake: ['-DONLITE_SANITIZE=address,undefined'],
    environment: {
      // A runtime and the process-wide singletons are reachable to the end, so they are no leaks.
      ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1',
      LSAN_OPTIONS: `suppressions=${at('scripts/suppressions/lsan.supp')}:print_suppressions=0`,
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    },
  },
  tsan: {
    cmake: ['-DONLITE_SANITIZE=thread'],
    environment: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
    // What needs no runtime. The runtimes are not instrumented: TSan sees some of their locking (waits in
    // libstdc++) and not the rest, and with a suppression of their libraries it reports mutexes
    // that were "never locked".
    labels: '^(core|session)$',
    targets: ['core_tests', 'session_tests'],
    // TSan's fixed address map does not fit kernels with many random bits; without, it always does.
    prefix: () => (output('setarch', ['-R', 'true']) === null ? [] : ['setarch', '-R']),
  },
};

function test(name) {
  const { cmake, environment, labels, prefix, targets = ['all'] } = builds[name];
  const directory = at('build-native', name);
  console.log(`-- C++ tests: ${name}`);
  run('cmake', [
    '-S',
    ROOT,
    '-B',
    directory,
    '-G',
    'Ninja',
    '-DCMAKE_BUILD_TYPE=Debug',
    '-DONLITE_NATIVE_TESTS=ON',
    '-DONLITE_UNITY=0',
    ...cmake,
    '--log-level=WARNING',
  ]);
  run('cmake', ['--build', directory, '--parallel', options.jobs, '--target', ...targets]);
  const [command, ...args] = [
    ...(prefix?.() ?? []),
    'ctest',
    '--test-dir',
    directory,
    '--output-on-failure',
    '--no-tests=error',
    '--parallel',
    options.jobs,
    ...(labels ? ['--label-regex', labels] : []),
    ...(options.filter ? ['--tests-regex', options.filter] : []),
  ];
  run(command, args, { env: { ...runtimeEnvironment(), ...environment } });
}

await runMain(() => {
  const names = positionals.length > 0 ? positionals : Object.keys(builds);
  const unknown = names.find((name) => !Object.hasOwn(builds, name));
  if (unknown) throw new Error(`no build is called ${unknown}: ${Object.keys(builds).join(', ')}`);
  ensurePackages({
    cmake: hasCommand('cmake'),
    'ninja-build': hasCommand('ninja'),
    'libgtest-dev': hasGoogleTest,
  });
  names.forEach(test);
});
