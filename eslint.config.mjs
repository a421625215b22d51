import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What Node puts in scope of an ES module, as far as scripts and examples use it. */
const nodeGlobals = Object.fromEntries(
  [
    'AbortController',
    'AbortSignal',
    'Buffer',
    'TextDecoder',
    'TextEncoder',
    'Response',
    'URL',
    'clearImmediate',
    'clearInterval',
    'clearTimeout',
    'console',
    'fetch',
    'performance',
    'process',
    'queueMicrotask',
    'setImmediate',
    'setInterval',
    'setTimeout',
    'structuredClone',
    'WebAssembly',
  ].map((name) => [name, 'readonly']),
);

/** What a page has, as far as the example's does. */
const pageGlobals = Object.fromEntries(
  [
    'AudioBufferSourceNode',
    'AudioContext',
    'AudioWorkletNode',
    'AudioWorkletProcessor',
    'MediaStreamAudioSourceNode',
    'OfflineAudioContext',
    'document',
    'navigator',
    'registerProcessor',
    'window',
  ].map((name) => [name, 'readonly']),
);

const userImportsOnly = {
  // Not the internals' way in: what a test or a benchmark reaches, a user reaches.
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          regex: '(^|/)(lib|dist)/',
          message: "Import the package as a user does: 'onlite' or one of its entry points.",
        },
      ],
    },
  ],
};

/** Rooms that are an entry point beside `onlite` each. */
const entryPoints = [
  'bench',
  'convert',
  'electron',
  'metrics',
  'onnxruntime',
  'optimize',
  'security',
  'watch',
  'tflite',
  'transformers',
];
const others = (...names) => entryPoints.filter((name) => !names.includes(name));

/**
 * What each room of lib/ may not import (docs/architecture.md): `index → engine → formats`, and
 * nothing imports upwards. What is left out is lib's own top level, which all may use.
 */
const forbiddenImports = {
  // What lies in lib/ itself.
  '*.ts': ['engine', 'formats', ...entryPoints, 'cli'],
  'formats/**/*.ts': ['engine', ...entryPoints, 'cli', 'index'],
  'engine/**/*.ts': [...entryPoints, 'cli', 'index'],
  'bench/**/*.ts': ['formats', ...others('bench'), 'cli'],
  'convert/**/*.ts': [...others('convert', 'bench', 'optimize'), 'cli'],
  'electron/**/*.ts': ['engine', 'formats', ...others('electron'), 'cli', 'index'],
  'metrics/**/*.ts': ['formats', ...others('metrics'), 'cli'],
  'onnxruntime/**/*.ts': ['formats', ...others('onnxruntime'), 'cli'],
  'optimize/**/*.ts': [...others('bench', 'optimize'), 'cli'],
  'security/**/*.ts': ['engine', ...others('security'), 'cli', 'index'],
  'tflite/**/*.ts': [...others('tflite'), 'cli'],
  'watch/**/*.ts': [...others('watch', 'bench', 'metrics', 'optimize'), 'cli'],
  'transformers/**/*.ts': ['formats', ...others('transformers', 'onnxruntime'), 'cli'],
};

const boundaries = Object.entries(forbiddenImports).map(([files, rooms]) => ({
  files: [`lib/${files}`],
  ignores: ['lib/index.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            // A room is reached from another by climbing: `./tflite` is a neighbour.
            regex: `^${files === '*.ts' ? '\\./' : '(\\.\\./)+'}(${rooms.join('|')})(/|$)`,
            message: `lib/${files} may not import ${rooms.join(', ')} (docs/architecture.md).`,
          },
        ],
      },
    ],
  },
}));

/** The last of server/lib, which none of the others may look at. */
const lastOfServer = ['cli', 'client', 'index'];

/**
 * Rooms of server/lib that may not look at these: `cli → index → manage, mount → http, rollout → wire,
 * config → models`.
 */
const forbiddenToServer = {
  'models/**/*.ts': [
    ...['access', 'config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc'],
    ...['logs', 'metrics', 'observe', 'status', 'watch'],
    ...lastOfServer,
  ],
  'config/**/*.ts': ['wire', 'rollout', 'http', 'manage', 'mount', 'grpc', ...lastOfServer],
  'watch/**/*.ts': [
    ...['access', 'config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc'],
    ...['observe', 'status'],
    ...lastOfServer,
  ],
  'wire/**/*.ts': ['config', 'rollout', 'http', 'manage', 'mount', 'grpc', ...lastOfServer],
  'rollout/**/*.ts': ['http', 'manage', 'mount', 'grpc', ...lastOfServer],
  'http/**/*.ts': ['config', 'rollout', 'manage', 'mount', 'grpc', ...lastOfServer],
  'manage/**/*.ts': ['mount', 'grpc', ...lastOfServer],
  'mount/**/*.ts': ['config', 'rollout', 'manage', 'grpc', ...lastOfServer],
  'grpc/**/*.ts': ['config', 'rollout', 'http', 'manage', 'mount', ...lastOfServer],
  'logs/**/*.ts': [
    ...[
      'config',
      'wire',
      'rollout',
      'http',
      'manage',
      'mount',
      'grpc',
      'metrics',
      'observe',
      'status',
    ],
    ...lastOfServer,
  ],
  'metrics/**/*.ts': [
    ...['config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc', 'observe', 'status'],
    ...lastOfServer,
  ],
  'observe/**/*.ts': [
    ...['config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc', 'status'],
    ...lastOfServer,
  ],
  'status/**/*.ts': [
    'config',
    'wire',
    'http',
    'manage',
    'mount',
    'grpc',
    'observe',
    ...lastOfServer,
  ],
  'access/**/*.ts': ['config', 'rollout', 'http', 'manage', 'mount', 'grpc', ...lastOfServer],
  'isolation/**/*.ts': [
    ...['access', 'models', 'config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc'],
    ...lastOfServer,
  ],
  'http2/**/*.ts': [
    ...['access', 'models', 'config', 'wire', 'rollout', 'http', 'manage', 'mount', 'grpc'],
    ...lastOfServer,
  ],
  'client/**/*.ts': [
    'config',
    'rollout',
    'http',
    'manage',
    'mount',
    'grpc',
    'models',
    'cli',
    'index',
  ],
  'index.ts': [],
  'cli/**/*.ts': [],
};

/** The server uses what `onlite` exports and nothing else of it. */
const outsideServer = {
  regex: '^(\\.\\./)+(lib|dist|scripts|test|bench|native)(/|$)',
  message: "The server imports 'onlite' and its entry points (docs/architecture.md).",
};

const serverBoundaries = Object.entries(forbiddenToServer).map(([files, rooms]) => ({
  files: [`server/lib/${files}`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          outsideServer,
          ...(rooms.length === 0
            ? []
            : [
                {
                  regex: `^(\\.\\./)+(${rooms.join('|')})(/|$)`,
                  message: `server/lib/${files} may not import ${rooms.join(', ')}.`,
                },
              ]),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      'build/',
      'build-*/',
      '{,server/}dist/',
      'coverage/',
      'runtimes/',
      'models/',
      'prebuilds/',
      'packages/**/*.d.ts',
      'test/fixtures/{models,cases,edge,microwakeword,generate,npy,vendor-crashes,ways}/',
      '.venv/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 500 }],
      'no-constructor-return': 'error',
      'no-promise-executor-return': 'off',
      'no-template-curly-in-string': 'error',
      'no-unreachable-loop': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.{ts,mts,cts}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.build.json', './tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // A key of an index signature may be written as the lookup that it is.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' },
      ],
    },
  },
  {
    // A CommonJS package loads its addon, and what few callers need, by require() at first use.
    files: ['{,server/}lib/**/*.ts'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  ...boundaries,
  ...serverBoundaries,
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'server/test/**/*.ts'],
    rules: {
      ...userImportsOnly,
      // Tests read JSON, index what they have just measured, and pass wrong values on purpose.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Checked by tsc against the built declarations (npm run test:types).
    files: ['test/types/**'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { project: false } },
    rules: {
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: nodeGlobals },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: 'commonjs',
      globals: { ...nodeGlobals, __dirname: 'readonly', __filename: 'readonly' },
    },
  },
  {
    files: ['examples/electron/renderer/*.mjs', 'examples/electron/preload.cjs'],
    languageOptions: { globals: pageGlobals },
  },
  {
    // A script of a page, not a module: it is put into the page as it is.
    files: ['server/assets/*.js'],
    languageOptions: {
      sourceType: 'script',
      globals: { ...nodeGlobals, document: 'readonly', location: 'readonly' },
    },
  },
  {
    // A unit test may look inside.
    files: ['{,server/}test/unit/**/*.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  { files: ['examples/**/*.mjs', 'bench/**/*.mjs', 'test/**/*.mjs'], rules: userImportsOnly },
);
