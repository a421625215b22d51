import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,integration,lifecycle,stress,compat,packaging}/**/*.test.ts'],
    // A sanitizer's quarantine keeps freed memory, so the resident set says nothing under it.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env['ONLITE_SANITIZER'] === undefined ? [] : ['test/stress/leaks.test.ts']),
    ],
    // 'onlite' is found through our own "exports", as a user finds it. Node must load it, not
    // Vite: a transformed copy would be a second instance beside the one that require() gives.
    server: { deps: { external: [/[\\/]dist[\\/].*\.js$/] } },
    // A native addon keeps state per process: each file gets a process of its own.
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
