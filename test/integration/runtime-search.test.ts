import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fixture, root } from './support';

const execute = promisify(execFile);
const target = `${process.platform}-${process.arch}`;

// A copy of the package without its runtimes, and none installed beside it.
let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'onlite-search-'));
  await copyPackage(copy);
});
afterAll(() => rm(copy, { recursive: true }));

async function copyPackage(copy: string): Promise<void> {
  await mkdir(join(copy, 'node_modules'), { recursive: true });
  await mkdir(join(copy, 'runtimes'));
  await Promise.all(
    ['dist', 'package.json', join('build', 'Release', 'onlite.node')].map((name) =>
      cp(join(root, name), join(copy, name), { recursive: true }),
    ),
  );
  for (const name of ['node-gyp-build', 'fflate', 'flatbuffers']) {
    await symlink(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  }
}

/** Without what names the libraries to use. */
function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of ['ONLITE_ORT_PATH', 'ONLITE_TFLITE_PATH', 'ONLITE_ADDON_PATH', 'NODE_PATH']) {
    delete env[name];
  }
  return { ...env, ...more };
}

it.skipIf(process.platform === 'win32')('needs no working directory', async () => {
  const script = `
    const { mkdtempSync, rmdirSync } = require('node:fs');
    const { InferenceSession } = require(${JSON.stringify(root)});
    const folder = mkdtempSync(${JSON.stringify(join(tmpdir(), 'onlite-gone-'))});
    process.chdir(folder);
    rmdirSync(folder);
    InferenceSession.create(${JSON.stringify(fixture('add4.tflite'))}).then(
      ({ engine }) => console.log(engine),
      (error) => console.log(error),
    );
  `;
  const { stdout } = await execute(process.execPath, ['-e', script]);
  expect(stdout.trim()).toBe('tflite');
});

it('looks for the libraries anew after they were missing', async () => {
  const script = `
    const { symlinkSync } = require('node:fs');
    const { InferenceSession } = require('./dist');
    const create = () =>
      InferenceSession.create(${JSON.stringify(fixture('add4.tflite'))}).then(
        (session) => session.engine,
        (error) => error.code,
      );
    (async () => {
      const outcomes = [await create(), await create()];
      symlinkSync(${JSON.stringify(join(root, 'runtimes', target))}, 'runtimes/${target}');
      outcomes.push(await create(), await create());
      console.log(JSON.stringify(outcomes));
    })();
  `;
  const env = environment();
  const { stdout } = await execute(process.execPath, ['-e', script], { cwd: copy, env });
  expect(JSON.parse(stdout)).toEqual([
    'ERR_RUNTIME_NOT_FOUND',
    'ERR_RUNTIME_NOT_FOUND',
    'tflite',
    'tflite',
  ]);
});

const models = [fixture('add4.tflite'), fixture('add4.onnx')];

/** What each model's session is made with, or the error's code. */
async function enginesFrom(
  packageFolder: string,
  cwd: string,
  env = environment(),
): Promise<string[]> {
  const script = `
    const { InferenceSession } = require(${JSON.stringify(packageFolder)});
    const models = ${JSON.stringify(models)};
    const create = (path) => InferenceSession.create(path).then(
      ({ engine }) => engine,
      ({ code }) => code,
    );
    Promise.all(models.map(create)).then((made) => console.log(JSON.stringify(made)));
  `;
  const { stdout } = await execute(process.execPath, ['-e', script], { cwd, env });
  return JSON.parse(stdout) as string[];
}

const missing = ['ERR_RUNTIME_NOT_FOUND', 'ERR_RUNTIME_NOT_FOUND'];
const both = ['tflite', 'onnxruntime'];

/** Packages with the libraries, as a platform package or the vendors' have them. */
async function installLibraries(modules: string): Promise<void> {
  const runtimes = join(root, 'runtimes', target);
  const folders = {
    [`@onlite/runtime-${target}`]: '.',
    'onnxruntime-node': `bin/napi-v6/${process.platform}/${process.arch}`,
    'tfjs-tflite-node': `cc_deps/${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
  for (const [name, folder] of Object.entries(folders)) {
    await mkdir(join(modules, name, folder), { recursive: true });
    await writeFile(
      join(modules, name, 'package.json'),
      JSON.stringify({ name, version: '9.9.9' }),
    );
    for (const file of await readdir(runtimes)) {
      await symlink(join(runtimes, file), join(modules, name, folder, file));
    }
  }
}

describe.skipIf(process.platform === 'win32')('what is installed', () => {
  let base: string;
  let ours: string; // installed in a project
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'onlite-installed-'));
    ours = join(base, 'project', 'node_modules', 'onlite');
    await copyPackage(ours);
    await installLibraries(join(base, 'node_modules'));
    await installLibraries(join(base, 'foreign', 'node_modules'));
    await mkdir(join(base, 'foreign', 'deep', 'er'), { recursive: true });
    // Whatever of ours or of a peer's is loaded from there leaves a mark.
    const mark = `require('fs').appendFileSync(${JSON.stringify(join(base, 'mark'))}, __filename)`;
    for (const name of [
      ...['onlite', 'node-gyp-build', 'fflate', 'flatbuffers', 'tinybench'],
      ...['prom-client', '@opentelemetry/api', 'onnxruntime-common'],
    ]) {
      const folder = join(base, 'foreign', 'node_modules', name);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'index.js'), mark);
      await writeFile(join(folder, 'package.json'), JSON.stringify({ name, version: '9.9.9' }));
    }
  });
  afterAll(() => rm(base, { recursive: true }));

  it.each(['foreign', 'foreign/deep/er', '.', 'project'])(
    'is not used from the working directory or above (%s)',
    async (cwd) => {
      expect(await enginesFrom(ours, join(base, cwd))).toEqual(missing);
      expect(await readdir(base)).not.toContain('mark');
    },
  );

  it('is not used from NODE_PATH or the home folder', async () => {
    const home = join(base, 'home');
    await installLibraries(join(home, '.node_modules'));
    const NODE_PATH = join(base, 'foreign', 'node_modules');
    expect(await enginesFrom(ours, base, environment({ NODE_PATH, HOME: home }))).toEqual(missing);
  });

  it.each([['doctor'], ['info', models[0]!], ['run', models[1]!], ['bench', models[1]!]])(
    'is not used by `onlite %s` in a foreign folder',
    async (...args) => {
      const script = join(ours, 'dist', 'cli', 'main.js');
      const { stdout } = await execute(process.execPath, [script, ...args, '--json'], {
        cwd: join(base, 'foreign'),
        env: environment(),
      }).catch((error: unknown) => error as { stdout: string });
      // Each says in its own way that there is no runtime; `info` needs none.
      if (args[0] !== 'info') expect(stdout).toMatch(/ERR_RUNTIME_NOT_FOUND|"loaded": ?false/);
      expect(stdout).not.toBe('');
      expect(stdout).not.toContain(join(base, 'foreign', 'node_modules'));
      expect(await readdir(base)).not.toContain('mark');
    },
  );

  it.each(['project/node_modules', 'project/node_modules/onlite/node_modules'])(
    'is used from %s',
    async (modules) => {
      await installLibraries(join(base, modules));
      try {
        expect(await enginesFrom(ours, base)).toEqual(both);
      } finally {
        for (const name of [`@onlite`, 'onnxruntime-node', 'tfjs-tflite-node']) {
          await rm(join(base, modules, name), { recursive: true });
        }
      }
      expect(await enginesFrom(ours, base)).toEqual(missing);
    },
  );

  it('is used from where a link to the package leads', async () => {
    const linked = join(base, 'linked', 'node_modules');
    await mkdir(linked, { recursive: true });
    await symlink(ours, join(linked, 'onlite'));
    await installLibraries(join(base, 'project', 'node_modules'));
    try {
      expect(await enginesFrom(join(linked, 'onlite'), base)).toEqual(both);
    } finally {
      for (const name of [`@onlite`, 'onnxruntime-node', 'tfjs-tflite-node']) {
        await rm(join(base, 'project', 'node_modules', name), { recursive: true });
      }
    }
  });
});

describe.skipIf(process.platform === 'win32')('a library that is named', () => {
  const script = (how: string): string => `
    const { configureRuntimes, runtimeInfo } = require(${JSON.stringify(root)});
    const file = require('node:fs').readdirSync('.').find((name) => /tensorflowlite_c/.test(name));
    ${how}
    process.chdir('/');
    const { tflite } = runtimeInfo({ load: true }).runtimes;
    console.log(JSON.stringify([tflite.loaded, tflite.path, tflite.tried[0]?.path]));
  `;
  const cwd = join(root, 'runtimes', target);
  const described = async (how: string): Promise<unknown[]> => {
    const args = ['-e', script(how)];
    const { stdout } = await execute(process.execPath, args, { cwd, env: environment() });
    return JSON.parse(stdout) as unknown[];
  };

  it('by a relative path is the file where it was named', async () => {
    const how = `configureRuntimes({ tflite: './' + file });`;
    const [loaded, path] = await described(how);
    expect(loaded).toBe(true);
    expect(path).toContain(join('runtimes', target));
  });

  it('by a bare name is not looked for in the working directory', async () => {
    for (const how of [
      `configureRuntimes({ tflite: file }); process.chdir = () => {};`,
      `process.env.ONLITE_TFLITE_PATH = file; process.chdir = () => {};`,
    ]) {
      expect((await described(how))[0]).toBe(false);
    }
  });
});
