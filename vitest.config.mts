import { readFileSync } from 'node:fs';

import { configDefaults, defineConfig } from 'vitest/config';

/** As rolldown.config.mjs does: unit tests import the sources. */
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

const isSanitized = process.env['ONLITE_SANITIZER'] !== undefined;

const notSanitized = [
  // A sanitizer's quarantine keeps freed memory, so the resident set says nothing under it.
  'test/stress/{leaks,shared-weights}.test.ts',
  // Minutes of JavaScript, and runs that other tests make as well.
  'test/integration/{bench-*,cli-*,*-example,install-provider}.test.ts',
  'test/integration/*{combined,optimize,prune,quantize}*.test.ts',
];

export default defineConfig({
  define: { ONLITE_VERSION: JSON.stringify(version) },
  test: {
    include: [
      'test/{unit,integration,lifecycle,stress,compat,packaging,docs}/**/*.test.ts',
      'server/test/**/*.test.ts',
    ],
    exclude: [...configDefaults.exclude, ...(isSanitized ? notSanitized : [])],
    // 'onlite' is found through our own "exports", as a user finds it. Node must load it, not
    // Vite: a transformed copy would be a second instance beside the one that require() gives.
    server: { deps: { external: [/[\\/]dist[\\/].*\.js$/] } },
    // A native addon keeps state per process: each file gets a process of its own.
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    // To notice a hang, not slowness: a busy machine takes ten times as long as an idle one.
    testTimeout: isSanitized ? 600_000 : 180_000,
    hookTimeout: isSanitized ? 600_000 : 180_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
