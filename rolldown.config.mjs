import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { defineConfig } from 'rolldown';

/** What is loaded by `require('./…')` at first use is an entry beside those that may need it. */
const requiredLater = {
  name: 'required-later',
  resolveId(source, _importer, { kind }) {
    if (kind !== 'require-call' || !source.startsWith('.')) return null;
    return { id: `./${basename(source)}.js`, external: true };
  },
};

/**
 * Node's own modules without `require`, which a program's bundle of ES modules does not have. Nothing
 * moves to another line or column, so source maps stay right. Node before 20.16 has no such function;
 * `Reflect.get`, because bundlers warn of a `require` whose argument they cannot tell.
 */
const builtins = {
  name: 'builtins',
  renderChunk(code) {
    if (!code.includes('require("node:')) return null;
    const define =
      "const builtin = process.getBuiltinModule ?? ((id) => Reflect.get(module, 'require').call(module, id));";
    const changed = code.replaceAll('require("node:', 'builtin("node:');
    return { code: changed.replace('"use strict";', `"use strict"; ${define}`), map: null };
  },
};

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** How both packages are made. */
const common = {
  platform: 'node',
  transform: { target: 'node20', define: { ONLITE_VERSION: JSON.stringify(version) } },
  // Node's own modules, and every dependency: what is no path, on Windows neither.
  external: /^(?![./]|[A-Za-z]:[\\/])/,
};
const output = {
  cleanDir: true,
  format: 'cjs',
  esModule: true,
  // A bundle of modules is a script: without this, writing to what is frozen would be no error.
  strict: true,
  generatedCode: { symbols: false },
  comments: { legal: true, annotation: false, jsdoc: false },
  sourcemap: true,
  sourcemapExcludeSources: true,
  entryFileNames: '[name].js',
};

// The JavaScript of lib/ in dist/: what is published. tsc adds the declarations.
const onlite = {
  ...common,
  // What is loaded by its path is an entry, too.
  input: {
    index: 'lib/index.ts',
    'bench/index': 'lib/bench/index.ts',
    'metrics/index': 'lib/metrics/index.ts',
    'electron/index': 'lib/electron/index.ts',
    'tflite/index': 'lib/tflite/index.ts',
    'onnxruntime/index': 'lib/onnxruntime/index.ts',
    'transformers/index': 'lib/transformers/index.ts',
    'optimize/index': 'lib/optimize/index.ts',
    'security/index': 'lib/security/index.ts',
    'watch/index': 'lib/watch/index.ts',
    'watch/parquet-worker': 'lib/watch/log/parquet-worker.ts',
    'convert/index': 'lib/convert/index.ts',
    'cli/main': 'lib/cli/main.ts',
    'cli/bench/worker': 'lib/cli/bench/worker.ts',
    'cli/doctor/probe-process': 'lib/cli/doctor/probe-process.ts',
    profile: 'lib/engine/profile/profile.ts',
  },
  plugins: [requiredLater, builtins],
  tsconfig: 'tsconfig.build.json',
  output: {
    ...output,
    dir: 'dist',
    chunkFileNames: ({ name }) => (name === 'engine' ? '[name].js' : 'chunks/[name].js'),
    codeSplitting: {
      // What else several entries share, or load when it is needed, is split off by itself.
      groups: [
        // main.js runs when it is loaded, so nothing may have to load it for these.
        { name: 'command', test: /[\\/]lib[\\/]cli[\\/](arguments|command|output)\./ },
        // What `onlite` loads is one file, whose parts call each other directly.
        { name: 'engine', test: /[\\/]lib[\\/]([^\\/]+$|engine[\\/](?!profile[\\/]))/ },
      ],
    },
  },
};

// The same of the workspace package, which finds `onlite` in node_modules as everybody does.
const server = {
  ...common,
  input: {
    index: 'server/lib/index.ts',
    'client/index': 'server/lib/client/index.ts',
    'cli/main': 'server/lib/cli/main.ts',
    // Loaded by its path.
    thread: 'server/lib/threads/thread.ts',
    isolated: 'server/lib/isolation/child.ts',
  },
  tsconfig: 'server/tsconfig.build.json',
  output: { ...output, dir: 'server/dist', chunkFileNames: 'chunks/[name].js' },
};

export default defineConfig([onlite, server]);
