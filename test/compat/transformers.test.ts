import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hasPeer, peer } from './peer';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

// The real onnxruntime-node, behind a package that is called transformers and asks for it as
// transformers.js does: its models come from the network, and its size is 100 MB.
describe.skipIf(!hasPeer)('onlite/transformers', () => {
  let program = '';
  beforeAll(() => {
    program = mkdtempSync(join(tmpdir(), 'onlite-transformers-'));
    const packages = join(program, 'node_modules');
    const transformers = join(packages, '@huggingface/transformers');
    mkdirSync(transformers, { recursive: true });
    const exports = { import: './index.mjs', require: './index.cjs' };
    const manifest = { name: '@huggingface/transformers', exports };
    writeFileSync(join(transformers, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(transformers, 'index.mjs'), "export * as ort from 'onnxruntime-node';\n");
    writeFileSync(join(transformers, 'index.cjs'), "exports.ort = require('onnxruntime-node');\n");
    symlinkSync(peer, join(packages, 'onnxruntime-node'), 'junction');
    symlinkSync(root, join(packages, 'onlite'), 'junction');
    writeFileSync(
      join(program, 'first.mjs'),
      `import 'onlite/transformers';
      import { ort } from '@huggingface/transformers';
      import * as dropIn from 'onlite/onnxruntime';
      console.log(ort.listSupportedBackends === dropIn.listSupportedBackends);\n`,
    );
    writeFileSync(
      join(program, 'first.cjs'),
      `require('onlite/transformers');
      const { ort } = require('@huggingface/transformers');
      console.log(ort.listSupportedBackends === require('onlite/onnxruntime').listSupportedBackends);\n`,
    );
    writeFileSync(
      join(program, 'late.cjs'),
      `require('@huggingface/transformers');
      try { require('onlite/transformers'); } catch (error) { console.log(error.code); }\n`,
    );
  });
  afterAll(() => {
    rmSync(program, { recursive: true, force: true });
  });

  it.each([
    ['first.mjs', 'true\n'],
    ['first.cjs', 'true\n'],
    ['late.cjs', 'ERR_UNSUPPORTED\n'],
  ])('%s', async (script, printed) => {
    const { stdout } = await execute(process.execPath, [join(program, script)], { cwd: program });
    expect(stdout).toBe(printed);
  });
});
