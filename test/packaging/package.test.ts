import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fixture, root } from '../integration/support';

const execute = promisify(execFile);
const scripts = new URL('../../scripts/', import.meta.url);
const { listFiles } = await import(new URL('lib/files.mjs', scripts).href);
const { apiReports, packageOfReport } = await import(new URL('lib/api-report.mjs', scripts).href);
const { layOutPackage, layOutServer } = await import(new URL('lib/pack.mjs', scripts).href);
const { packedText } = await import(new URL('lib/packed-documents.mjs', scripts).href);
const { buildTypescript } = await import(new URL('lib/typescript-build.mjs', scripts).href);
const { gypSources } = await import(new URL('lib/sources.mjs', scripts).href);

/** A program's folder that has the package as it is published, with its dependencies. */
let program = '';
let installed = '';
let files: string[] = [];

beforeAll(async () => {
  const staged = join(root, 'build/packages/layout');
  await buildTypescript(() => undefined);
  layOutPackage(staged, null);
  files = listFiles(staged);

  program = mkdtempSync(join(tmpdir(), 'onlite-package-'));
  installed = join(program, 'node_modules/onlite');
  mkdirSync(join(program, 'node_modules'));
  cpSync(staged, installed, { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    symlinkSync(join(root, 'node_modules', name), join(program, 'node_modules', name), 'junction');
  }
  symlinkSync(join(root, 'runtimes'), join(installed, 'runtimes'), 'junction');
});
afterAll(() => {
  rmSync(program, { recursive: true, force: true });
});

/** What a program prints, as JSON. */
async function printed(source: string, ...options: string[]): Promise<unknown> {
  const args = [...options, '-e', source];
  const { stdout } = await execute(process.execPath, args, { cwd: program });
  return JSON.parse(stdout);
}

describe('what is packed', () => {
  it('has no tests, benchmarks or scripts of development', () => {
    const folders = /^(dist|docs|source|prebuilds|addon|converters)\//;
    const others = files.filter((path) => !folders.test(path));
    expect(others.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'THIRD-PARTY-NOTICES.md',
      'package.json',
    ]);
    const unwanted = /^source\/native\/(test|abi)\/|\.test\.|\/\./;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
  });

  it('has the programs of the converters in Python, and a lock for each environment', () => {
    const converters = files.filter((path) => path.startsWith('converters/'));
    expect(converters).toEqual(
      (listFiles(join(root, 'converters')) as string[])
        .filter((path) => /\.(py|txt)$/.test(path))
        .map((path) => `converters/${path}`),
    );
    const environments = JSON.parse(
      readFileSync(join(root, 'converters/environments.json'), 'utf8'),
    );
    for (const name of Object.keys(environments)) {
      expect(converters).toContain(`converters/locks/${name}.txt`);
    }
  });

  it('has what a build from source needs', () => {
    const sources = (gypSources(root) as string[]).map((path) => `source/${path}`);
    const needed = [...sources, 'source/binding.gyp', 'source/build-source.cjs'];
    expect(needed.filter((path) => !files.includes(path))).toEqual([]);
    const { scripts: commands } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(commands).toEqual({ build: 'node source/build-source.cjs' });
  });

  it('has its documents, whose links lead to files of the package or to the web', () => {
    const documents = files.filter((path) => /^(docs\/.*|README|CHANGELOG)\.md$/.test(path));
    expect(documents.filter((path) => path.startsWith('docs/'))).toEqual(
      (listFiles(join(root, 'docs')) as string[]).map((path) => `docs/${path}`),
    );
    const targets = documents.flatMap((path) =>
      [...readFileSync(join(installed, path), 'utf8').matchAll(/\]\(([^)#\s]+)/g)].map(
        ([, target]) => (target!.startsWith('https:') ? target! : posix.join(path, '..', target!)),
      ),
    );
    expect(targets).toContain('docs/loading.md');
    expect(
      targets.filter((target) => !target.startsWith('https:') && !files.includes(target)),
    ).toEqual([]);
  });

  it('links to the repository for what is not in it, where there is one', () => {
    const repository = { url: 'git+https://example.org/onlite.git' };
    const packed = new Set(['docs/api.md']);
    const text = '[a](api.md#x), [b](../README.md#c), [d](https://example.org), [e](#e)';
    const at = (about: object) =>
      packedText(text, 'docs/gpu.md', packed, { version: '1.2.3', ...about }) as string;
    expect(at({})).toBe('[a](api.md#x), b, [d](https://example.org), [e](#e)');
    expect(at({ repository })).toContain(
      '[b](https://example.org/onlite/blob/v1.2.3/README.md#c), [d]',
    );
    expect(() => packedText('[f](f.md)', 'README.md', packed, {}) as string).toThrow(
      /README\.md links to f\.md, which is not there/,
    );
  });

  it('declares what the checkout does, and nothing that a program cannot get at', async () => {
    const reports = (await apiReports(installed)) as Map<string, string>;
    const all = readdirSync(join(root, 'test/api'));
    const accepted = all.filter((file) => packageOfReport(file) === 'onlite');
    expect(accepted.length).toBeGreaterThan(1);
    for (const name of accepted) {
      expect(reports.get(name), name).toBe(readFileSync(join(root, 'test/api', name), 'utf8'));
    }
    const declared = files.filter((path) => path.endsWith('.d.ts'));
    expect(declared).toContain('dist/engine/session/session.d.ts');
    expect(declared.filter((path) => /^dist\/(formats|cli)\//.test(path))).toEqual([]);
    const native = readFileSync(join(installed, 'dist/engine/addon/native.d.ts'), 'utf8');
    expect(native).toMatch(/export type Engine\b/);
    expect(native).not.toContain('NativeSession');
  });

  it('has no maps, and the declarations that its own import', () => {
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
    for (const path of files.filter((name) => /^dist\/.*\.(js|d\.ts)$/.test(name))) {
      const text = readFileSync(join(installed, path), 'utf8');
      expect(text, path).not.toContain('sourceMappingURL');
      if (!path.endsWith('.d.ts')) continue;
      for (const [, imported] of text.matchAll(/(?:from |import\()['"](\.[^'"]*?)(?:\.js)?['"]/g)) {
        const target = join(installed, path, '..', imported!);
        const isThere = [`${target}.d.ts`, `${target}/index.d.ts`].some((file) => existsSync(file));
        expect(isThere, `${path}: ${imported}`).toBe(true);
      }
    }
  });
});

describe('the package', () => {
  it('is strict everywhere, as its sources are', () => {
    const scripts = files.filter((path) => /^dist\/.*\.js$/.test(path));
    expect(scripts.length).toBeGreaterThan(2);
    for (const script of scripts) {
      const text = readFileSync(join(installed, script), 'utf8');
      expect(text, script).toMatch(/^(#!.*\n)?"use strict";/);
    }
  });

  it('loads two files and no dependency', async () => {
    const source = `
      require('onlite');
      console.log(JSON.stringify(Object.keys(require.cache)));
    `;
    const dist = join(installed, 'dist');
    expect(await printed(source)).toEqual([join(dist, 'index.js'), join(dist, 'engine.js')]);
  });

  it('has one instance of itself behind its entry points, required or imported', async () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as onlite from 'onlite';
      import { InferenceSession, OnliteError, Tensor } from 'onlite';
      import { addRuns, warmUp } from 'onlite/bench';
      import { metricsText } from 'onlite/metrics';

      const required = createRequire(import.meta.url)('onlite');
      const { default: _, ...names } = onlite;
      const same = Object.keys(required).filter((name) => required[name] !== names[name]);
      const session = await InferenceSession.create(${JSON.stringify(fixture('add4.tflite'))});
      const one = () => new Tensor('float32', [1, 2, 3, 4]);
      const { sum } = await session.run({ a: one(), b: one() });
      const profile = await session.profile({ a: one(), b: one() });
      let error;
      try { metricsText({ wrong: 1 }); } catch (caught) { error = caught; }
      console.log(JSON.stringify({
        differing: same,
        types: [addRuns, warmUp].map((value) => typeof value),
        sum: [...sum.data],
        isProfiled: profile.operators.length > 0,
        counted: /onlite_runs_total\\{[^}]*\\} 1\\b/.test(metricsText()),
        isOurs: error instanceof OnliteError,
        name: InferenceSession.name,
      }));
    `;
    expect(await printed(source, '--input-type=module')).toEqual({
      differing: [],
      types: ['function', 'function'],
      sum: [2, 4, 6, 8],
      isProfiled: true,
      counted: true,
      isOurs: true,
      name: 'InferenceSession',
    });
  });

  it('has its command', async () => {
    const main = join(installed, 'dist/cli/main.js');
    const model = fixture('add4.onnx');
    const info = await execute(process.execPath, [main, 'info', model, '--json']);
    expect(JSON.parse(info.stdout)).toMatchObject({ format: { name: 'onnx' } });
    const short = ['--runs', '10', '--processes', '1', '--warmup', '0', '--json'];
    const { stdout } = await execute(process.execPath, [main, 'bench', model, ...short]);
    expect(JSON.parse(stdout)).toHaveProperty('settings');
  });

  it('says how to install the server where it is not', async () => {
    const main = join(installed, 'dist/cli/main.js');
    await expect(
      execute(process.execPath, [main, 'serve', 'model.onnx'], { cwd: program }),
    ).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_UNSUPPORTED: .*npm install @onlite\/server@\d/) as unknown,
    });
  });
});

describe('the server', () => {
  const folder = () => join(program, 'node_modules/@onlite/server');
  const description = (path: string) =>
    JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
      version: string;
      dependencies: Record<string, string>;
      bin: Record<string, string>;
    };

  beforeAll(() => {
    const staged = join(root, 'build/packages/layout-server');
    layOutServer(staged);
    cpSync(staged, folder(), { recursive: true });
  });

  it('depends on the onlite of its version, which does not know of it', () => {
    const { version, dependencies } = description(folder());
    expect(dependencies).toMatchObject({ onlite: version });
    // What configurations and tokens need, of one version.
    expect(dependencies['ajv']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(dependencies['jose']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(dependencies['pino']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(Object.keys(dependencies)).toHaveLength(4);
    expect(version).toBe(description(installed).version);
    expect(Object.keys(description(installed).dependencies)).not.toContain('@onlite/server');
  });

  it('has scripts, and the declarations of its entry points', () => {
    const packed = listFiles(folder()) as string[];
    const others = packed.filter((path) => !/^(assets|dist|schemas)\//.test(path));
    expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
    expect(packed).toContain('schemas/model.schema.json');
    expect(packed).toContain('assets/status.html');
    expect(packed).toContain('dist/client/client.d.ts');
    expect(packed.filter((path) => /\.map$|cli\/.*\.d\.ts$/.test(path))).toEqual([]);
  });

  it('loads nothing but itself and onlite, its client not even that', async () => {
    const loaded = (entry: string) =>
      printed(`require('${entry}'); console.log(JSON.stringify(Object.keys(require.cache)));`);
    const outside = ((await loaded('@onlite/server')) as string[])
      .filter((path) => !path.startsWith(folder()))
      .filter((path) => !path.startsWith(join(installed, 'dist')));
    expect(outside).toEqual([]);
    const client = (await loaded('@onlite/server/client')) as string[];
    expect(client.filter((path) => !path.startsWith(folder()))).toEqual([]);
  });

  it('has its command, by either name', async () => {
    const own = join(folder(), description(folder()).bin['onlite-server']!);
    const forwarded = [join(installed, 'dist/cli/main.js'), 'serve'];
    const versions = await Promise.all(
      [[own], forwarded].map((args) =>
        execute(process.execPath, [...args, '--version'], { cwd: program }),
      ),
    );
    const expected = `${description(folder()).version}\n`;
    expect(versions.map(({ stdout }) => stdout)).toEqual([expected, expected]);
  });
});
