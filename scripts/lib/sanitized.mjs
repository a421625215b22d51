// The addon built under AddressSanitizer and UBSan, and how node is started with it (Linux, GCC).
import { existsSync } from 'node:fs';

import { addonFile } from './native-build.mjs';
import { output, run } from './native-tools.mjs';
import { at } from './project.mjs';

const sanitize = 'address,undefined';

/** The compiler's sanitizer runtime; it must be loaded before node's own symbols are bound. */
function compilerLibrary(name) {
  const path = output(process.env.CC ?? 'gcc', [`-print-file-name=${name}`]);
  if (!path || !existsSync(path)) throw new Error(`the compiler has no ${name}`);
  return path;
}

/** Builds the sanitized addon when it is not up to date. @returns the environment for node */
export function buildSanitized() {
  if (process.platform !== 'linux') throw new Error('ASan is preloaded on Linux only');
  run(process.execPath, ['scripts/build-native.mjs', '--sanitize', sanitize]);
  return {
    ONLITE_ADDON_PATH: at(addonFile({ sanitize })),
    // Tests that look at the resident set are left out: ASan keeps freed memory.
    ONLITE_SANITIZER: 'address',
    // libstdc++ as well: ASan looks for the real __cxa_throw when it starts, and node's own
    // is hidden in its executable, so that without this the first C++ exception aborts.
    LD_PRELOAD: ['libasan.so', 'libstdc++.so'].map(compilerLibrary).join(' '),
    // - detect_leaks=0: node frees neither its isolate nor V8's heap at exit, so every run
    //   would report leaks that are not ours. Leaks of ours are looked for by the C++ tests
    //   under LeakSanitizer and by the lifecycle tests' resident set.
    // - handle_segv=0: V8 has a handler of its own (WebAssembly bounds checks), and tests
    //   that let a vendor's kernel crash in a child process look for the signal.
    // - alloc_dealloc_mismatch=0: node's operators new and delete are bound to node.
    ASAN_OPTIONS: [
      'detect_leaks=0',
      'handle_segv=0',
      'alloc_dealloc_mismatch=0',
      'allocator_may_return_null=1',
      'abort_on_error=1',
    ].join(':'),
    UBSAN_OPTIONS: 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
  };
}
