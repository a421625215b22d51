import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { fixture, root } from './support';

// A copy of the package without its runtimes, and none installed beside it.
let copy: string;
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'onlite-search-'));
  await mkdir(join(copy, 'node_modules'));
  await mkdir(join(copy, 'runtimes'));
  await Promise.all(
    ['dist', 'package.json', join('build', 'Release', 'onlite.node')].map((name) =>
      cp(join(root, name), join(copy, name), { recursive: true }),
    ),
  );
  for (const name of ['node-gyp-build', 'fflate', 'flatbuffers', 'protobufjs']) {
    await symlink(join(root, 'node_modules', name), join(copy, 'node_modules', name));
  }
});
afterAll(() => rm(copy, { recursive: true }));

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
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
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
      const target = process.platform + '-' + process.arch;
      symlinkSync(${JSON.stringify(join(root, 'runtimes'))} + '/' + target, 'runtimes/' + target);
      outcomes.push(await create(), await create());
      console.log(JSON.stringify(outcomes));
    })();
  `;
  const env = { ...process.env };
  for (const name of ['ONLITE_TFLITE_PATH', 'ONLITE_ADDON_PATH', 'NODE_PATH']) delete env[name];
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    cwd: copy,
    env,
  });
  expect(JSON.parse(stdout)).toEqual([
    'ERR_RUNTIME_NOT_FOUND',
    'ERR_RUNTIME_NOT_FOUND',
    'tflite',
    'tflite',
  ]);
});
