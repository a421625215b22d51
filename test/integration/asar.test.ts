// A packed Electron app's archive, made with Electron's own tool; what is in it is not on disk.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createPackageWithOptions, extractAll, listPackage, statFile } from '@electron/asar';
import { asarUnpack, unpackedPath } from 'onlite/electron';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fixture, root } from './support';

const execute = promisify(execFile);
const target = `${process.platform}-${process.arch}`;
let scratch = '';

beforeAll(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'onlite-asar-')));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** An app that has onlite among its dependencies, as an installer would leave it. */
async function makeApp(folder: string): Promise<void> {
  const installed = join(folder, 'node_modules/onlite');
  await mkdir(join(installed, 'runtimes'), { recursive: true });
  for (const name of ['package.json', 'dist', 'build/Release/onlite.node', `runtimes/${target}`]) {
    await cp(join(root, name), join(installed, name), { recursive: true });
  }
  for (const name of ['node-gyp-build']) {
    await cp(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
    });
  }
  await writeFile(join(folder, 'package.json'), '{"name": "app", "main": "main.js"}');
}

describe.each(['app.asar', 'app-x64.asar', 'App One.asar'])('%s', (name) => {
  let archive = '';
  let onlite = '';

  beforeAll(async () => {
    const app = join(scratch, `source-${name}`);
    await makeApp(app);
    archive = join(scratch, name, 'resources', name);
    onlite = join('node_modules', 'onlite');
    await createPackageWithOptions(app, archive, { unpack: `{${asarUnpack.join(',')}}` });
  });

  it('has everything but what the system opens', () => {
    const isUnpacked = (file: string): boolean =>
      'unpacked' in statFile(archive, join(onlite, file));
    expect(isUnpacked('build/Release/onlite.node')).toBe(true);
    expect(isUnpacked('dist/index.js')).toBe(false);
    expect(isUnpacked('package.json')).toBe(false);
    const libraries = listPackage(archive, { isPack: false }).filter((file) =>
      /\.(node|so|dylib|dll)(\.\d+)*$/.test(file),
    );
    expect(libraries.length).toBeGreaterThan(2);
    for (const library of libraries)
      expect(isUnpacked(library.slice(onlite.length + 2))).toBe(true);
  });

  it('is run with the addon and the libraries beside it', async () => {
    // Electron's `fs` shows archives as folders. Node's does not, so the archive's JavaScript is in one of its
    // name here, and nothing else is: what is found was found beside it.
    const installed = join(scratch, `installed-${name}`);
    const folder = join(installed, name);
    const unpacked = `${folder}.unpacked`;
    extractAll(archive, folder);
    await cp(`${archive}.unpacked`, unpacked, { recursive: true });
    for (const part of ['build', 'runtimes']) {
      await rm(join(folder, onlite, part), { recursive: true });
      expect(existsSync(join(unpacked, onlite, part))).toBe(true);
    }
    const script = `
      const { InferenceSession, Tensor, runtimeInfo } = require('onlite');
      const { unpackedPath } = require('onlite/electron');
      (async () => {
        const results = [];
        for (const model of ${JSON.stringify([fixture('add4.onnx'), fixture('add4.tflite')])}) {
          const session = await InferenceSession.create(model);
          const one = () => new Tensor('float32', [1, 2, 3, 4]);
          results.push([...(await session.run({ a: one(), b: one() })).sum.data]);
        }
        const { addon, onlite, runtimes } = runtimeInfo();
        const paths = [addon, runtimes.onnxruntime.path, runtimes.tflite.path];
        console.log(JSON.stringify({ results, paths, onlite }));
      })();
    `;
    const main = join(folder, 'main.js');
    await writeFile(main, script);
    const env = { ...process.env };
    for (const variable of ['ONLITE_ORT_PATH', 'ONLITE_TFLITE_PATH', 'ONLITE_ADDON_PATH']) {
      delete env[variable];
    }
    const { stdout } = await execute(process.execPath, [main], { env });
    const { results, paths, onlite: version } = JSON.parse(stdout);
    expect(results).toEqual([
      [2, 4, 6, 8],
      [2, 4, 6, 8],
    ]);
    expect(version).toMatch(/^\d/);
    for (const path of paths) expect(path).toContain(join(unpacked, onlite));
  });
});

describe('unpackedPath', () => {
  it('leaves alone what has nothing unpacked beside it', () => {
    for (const path of ['', 'a/b', join(scratch, 'none.asar', 'x'), '/x.asar.unpacked/y']) {
      expect(unpackedPath(path)).toBe(path);
    }
  });

  it('finds a file beside an archive that lies anywhere', async () => {
    const outer = join(scratch, 'outer.asar.unpacked');
    await mkdir(join(outer, 'inner.asar.unpacked'), { recursive: true });
    const inner = join(outer, 'inner.asar');
    expect(unpackedPath(join(inner, 'x'))).toBe(join(`${inner}.unpacked`, 'x'));
    expect(unpackedPath(join(scratch, 'outer.asar'))).toBe(outer);
  });

  it('is asked for libraries that are named, too', async () => {
    const folder = join(scratch, 'named.asar.unpacked');
    await mkdir(folder);
    await symlink(join(root, 'runtimes', target), join(folder, 'runtimes'), 'junction');
    const files = await readdir(join(root, 'runtimes', target));
    const library = files.find((file) => file.includes('tensorflowlite_c.'));
    const path = join(scratch, 'named.asar', 'runtimes', library!);
    const script = `
      const { runtimeInfo } = require(${JSON.stringify(root)});
      console.log(runtimeInfo({ load: true }).runtimes.tflite.path);
    `;
    const env = { ...process.env, ONLITE_TFLITE_PATH: path };
    const { stdout } = await execute(process.execPath, ['-e', script], { env });
    expect(stdout.trim()).toBe(join(folder, 'runtimes', library!));
  });
});
