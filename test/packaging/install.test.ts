import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from '../integration/support';
import { testImage } from './image';

const execute = promisify(execFile);
const scripts = new URL('../../scripts/', import.meta.url);
const { makePackages } = await import(new URL('package.mjs', scripts).href);
const { serveRegistry } = await import(new URL('lib/registry.mjs', scripts).href);
const { hostPlatform, prebuildFile } = await import(new URL('lib/platforms.mjs', scripts).href);
const { cleanProject, npmInstall, runProgram } = await import(
  new URL('install/checks.mjs', scripts).href
);
const { checkReadOnly, whyNotReadOnly } = await import(
  new URL('install/surroundings.mjs', scripts).href
);
const { elsewhere, runFile } = await import(new URL('install/bundlers.mjs', scripts).href);
const { recipes } = await import(new URL('install/recipes.mjs', scripts).href);

interface Project {
  root: string;
  folder: string;
  env: Record<string, string>;
  node: string;
  programs: Record<string, string>;
}

const platform = hostPlatform() as string;
let project: Project;
let registry: { url: string; requests: string[]; close: () => Promise<void> };
let packages: { file: string; size: number }[];
let installed = '';
let version = '';
/** The drop-in, as npm is asked for it. */
let alias = '';

beforeAll(async () => {
  packages = await makePackages(null);
  project = cleanProject('install') as Project;
  registry = await serveRegistry(packages, project.root);
  ({ version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  });
  alias = `onnxruntime-node@npm:@onlite/onnxruntime-node@${version}`;
  await npmInstall(project, registry.url, alias);
  installed = join(project.folder, 'node_modules/onlite');
  // Where nothing has been packed yet, a busy machine takes minutes.
}, 600_000);
afterAll(async () => {
  await registry.close();
  rmSync(project.root, { recursive: true, force: true });
});

/** What check() of scripts/install/checks.mjs prints of a package as it should be. */
const rightResult = () => ({
  sums: ['2,4,6,8', '2,4,6,8'],
  version,
  addon: join(installed, prebuildFile(platform)),
  origins: [`@onlite/runtime-${platform}`, `@onlite/runtime-${platform}`],
});

/** The message of what a program that needs the addon fails with, and its code. */
async function failure(env: Record<string, string> = {}, ...options: string[]): Promise<string> {
  const source = `
    const { runtimeInfo } = require('onlite');
    try { runtimeInfo(); } catch (error) {
      console.log(error.code + ' ' + error.message + ' CAUSE ' + error.cause?.message);
    }
  `;
  const { stdout } = await execute(project.node, [...options, '-e', source], {
    cwd: project.folder,
    env: { ...project.env, ...env },
  });
  return stdout;
}

describe('the packages', () => {
  it('are small, and nothing in them runs when they are installed', () => {
    const [onlite, runtime] = packages;
    expect(onlite?.size).toBeLessThan(4e6);
    expect(runtime?.size).toBeLessThan(20e6);
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false);
    const lock = JSON.parse(readFileSync(join(project.folder, 'package-lock.json'), 'utf8'));
    const withScripts = Object.entries(lock.packages as Record<string, object>)
      .filter(([, entry]) => 'hasInstallScript' in entry)
      .map(([name]) => name);
    expect(withScripts).toEqual([]);
  });

  it('bring the libraries of this platform only', () => {
    expect(readdirSync(join(project.folder, 'node_modules/@onlite'))).toEqual([
      `runtime-${platform}`,
    ]);
  });

  it.skipIf(whyNotReadOnly())('run for nobody, where nothing can be written', async () => {
    await checkReadOnly(project);
  });

  it.each([['check.cjs'], ['check.mjs'], ['worker.mjs']])('run %s', async (file) => {
    expect(await runProgram(project, file)).toEqual(rightResult());
  });

  it('are found by doctor, which has nothing else to try', async () => {
    const main = join(installed, 'dist/cli/main.js');
    const { onlite } = (await runProgram(project, main, 'doctor', '--json')) as {
      onlite: { runtimes: Record<string, { tried: object[] }> };
    };
    const folder = join(project.folder, 'node_modules/@onlite', `runtime-${platform}`);
    for (const { tried } of Object.values(onlite.runtimes)) {
      const path = expect.stringContaining(folder) as string;
      expect(tried).toEqual([{ path, origin: `@onlite/runtime-${platform}` }]);
    }
  });

  it('are installed again from the cache, offline', async () => {
    const again = { ...project, folder: join(project.root, 'again') };
    mkdirSync(again.folder);
    const before = registry.requests.length;
    await npmInstall(again, registry.url, alias, '--offline');
    expect(registry.requests.slice(before)).toEqual([]);
    expect(existsSync(join(again.folder, 'node_modules/@onlite', `runtime-${platform}`))).toBe(
      true,
    );
  });
});

describe('the drop-in for onnxruntime-node', () => {
  it('runs on onlite of its own version', async () => {
    const { dependencies } = JSON.parse(
      readFileSync(join(project.folder, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
    );
    expect(dependencies).toEqual({ onlite: version });
    const source = `
      const { InferenceSession } = require('onnxruntime-node');
      InferenceSession.create(process.argv[1]).then(({ inputNames }) => {
        console.log(JSON.stringify({ inputNames, ...require('onlite').runtimeInfo() }));
      });
    `;
    const args = ['-e', source, join(root, 'test/fixtures/models/add4.onnx')];
    expect(await runProgram(project, ...args)).toMatchObject({
      inputNames: ['a', 'b'],
      onlite: version,
      runtimes: { onnxruntime: { loaded: true } },
    });
  });
});

describe('a program that esbuild has made one file of', () => {
  it.each(['cjs', 'esm'] as const)('finds nothing by itself alone (%s)', async (format) => {
    const { file, env } = await bundle(format, 'onlite.runtimeInfo()');
    await expect(execute(project.node, [file], { env })).rejects.toThrow(
      /onlite was bundled into a program[\s\S]*configureAddon/,
    );
  });

  it('finds the package that is installed above it', async () => {
    const { file } = await bundle('cjs', 'console.log(JSON.stringify(await check()))');
    const inside = join(project.folder, 'bundle.cjs');
    copyFileSync(file, inside);
    expect(await runProgram(project, inside)).toEqual(rightResult());
  });

  it.each([
    ['cjs', '__dirname'],
    ['esm', 'import.meta.dirname'],
  ] as const)(
    'uses the files that it names as docs/bundling.md does (%s)',
    async (format, folder) => {
      const naming = (recipes['native-files.mjs'] as string).replace('import.meta.dirname', folder);
      writeFileSync(join(project.folder, 'native-files.mjs'), naming);
      const check = format === 'cjs' ? 'check.cjs' : 'check.mjs';
      const first =
        format === 'cjs' ? "require('./native-files.mjs')" : "import './native-files.mjs'";
      const file = format === 'cjs' ? 'program.cjs' : 'program.mjs';
      const source = `${first};\n${project.programs[check]!}`;
      await bundleSource(format, source, join(project.folder, 'dist', file));
      await runFile(project, 'copy-native-files.mjs', recipes['copy-native-files.mjs']);
      await elsewhere(project, async (moved: Project) => {
        expect(await runProgram(moved, file)).toEqual({
          ...rightResult(),
          addon: join(moved.folder, 'onlite.node'),
          origins: ['configureRuntimes', 'configureRuntimes'],
        });
      });
    },
  );

  it('takes the addon along by its static entry, and says what else it needs', async () => {
    const { file } = await bundle(
      'cjs',
      `onlite.configureAddon(require('onlite/addon/${platform}'));
      await check().catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`,
    );
    expect(await runProgram(project, file)).toEqual({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: expect.stringMatching(
        /name the library's file to configureRuntimes or in ONLITE_ORT/,
      ),
    });
  });

  /** Bundles the check with a statement, to where there is no package. */
  async function bundle(format: 'cjs' | 'esm', statement: string) {
    const file = join(project.root, `bundle-${format}`, format === 'cjs' ? 'out.cjs' : 'out.mjs');
    const check = project.programs['check.cjs']!;
    const source = check.replace(/check\(\)\.then[\s\S]*$/, `(async () => { ${statement}; })()`);
    await bundleSource(format, source, file);
    return { file, env: project.env };
  }

  async function bundleSource(format: 'cjs' | 'esm', source: string, file: string) {
    await build({
      stdin: { contents: source, resolveDir: project.folder },
      bundle: true,
      format,
      platform: 'node',
      outfile: file,
      loader: { '.node': 'copy' },
      logLevel: 'error',
    });
  }
});

describe('an addon that cannot be loaded', () => {
  it('is named, with where the name came from', async () => {
    const absent = join(project.root, 'absent.node');
    const message = await failure({ ONLITE_ADDON_PATH: absent });
    expect(message).toMatch(/^ERR_RUNTIME_NOT_FOUND .*absent\.node \(ONLITE_ADDON_PATH\): ENOENT/);
    expect(message).toContain('CAUSE ENOENT');
  });

  it('comes with one remedy, not with that of a library too', async () => {
    const env = { ...project.env, ONLITE_ADDON_PATH: join(project.root, 'absent.node') };
    const source = `
      require('onlite').InferenceSession.create('absent.onnx').catch(({ code, message }) => {
        console.log(JSON.stringify({ code, remedies: message.match(/What to do: [^;]*/g) }));
      });
    `;
    expect(await runProgram({ ...project, env }, '-e', source)).toEqual({
      code: 'ERR_RUNTIME_NOT_FOUND',
      remedies: [expect.stringContaining('name the onlite.node of this platform')],
    });
  });

  it.each([
    ['of another processor', elf(0xf3), /it is for another processor, and this process is/],
    ['of macOS', Uint8Array.of(0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1), /it is a library for macOS/],
    ['of no system', Buffer.from('<!doctype html>'), /it is no shared library/],
    ['that is empty', new Uint8Array(), /it is no shared library/],
  ])('%s', async (_, bytes, reason) => {
    const file = join(project.root, 'other.node');
    writeFileSync(file, bytes);
    expect(await failure({ ONLITE_ADDON_PATH: file })).toMatch(reason);
  });

  it('of this package is cut short or longer', async () => {
    const file = join(installed, prebuildFile(platform));
    const whole = `${file}.whole`;
    renameSync(file, whole);
    try {
      copyFileSync(whole, file);
      chmodSync(file, 0o755);
      truncateSync(file, Math.floor(statSync(file).size / 2));
      expect(await failure()).toMatch(/it is cut off: [\s\S]*install again/);
      copyFileSync(whole, file);
      truncateSync(file, statSync(whole).size + 1);
      expect(await failure()).toMatch(/bytes and was published with/);
      rmSync(file);
      expect(await failure()).toMatch(/ENOENT[\s\S]*npm explore onlite -- npm run build/);
    } finally {
      renameSync(whole, file);
    }
  });

  it('because Node was told so', async () => {
    expect(await failure({}, '--no-addons')).toMatch(/start Node without --no-addons/);
  });

  /** The first bytes of a Linux library for a processor. */
  function elf(machine: number): Uint8Array {
    const header = new Uint8Array(64);
    header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    header[18] = machine;
    return header;
  }
});

testImage(() => registry.url);
