import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import { fixture, root } from './support';

const program = `
  const { InferenceSession, Tensor } = require('onlite');
  (async () => {
    const session = await InferenceSession.create(${JSON.stringify(fixture('add4.onnx'))});
    const four = new Tensor('float32', new Float32Array(4), [4]);
    await session.run(Object.fromEntries(session.inputNames.map((name) => [name, four])));
    await session.release();
    console.log('ran');
  })();
`;

/** A sanitizer's build, if it is that. */
const addon = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(ONLITE_|LD_PRELOAD|ASAN_|UBSAN_)/.test(name)),
);

/** What a program that runs an ONNX model leaves in the temporary directory. */
async function leftBehind(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-telemetry-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], {
      cwd: root,
      // ONNX Runtime is silent by itself where CI is set.
      env: { PATH: process.env['PATH'], ...addon, ...env, TMPDIR: folder },
    });
    expect(stdout).toBe('ran\n');
    return readdirSync(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.runIf(process.platform === 'linux')(
  'ONNX Runtime reports nothing to its vendor, unless asked to',
  async () => {
    expect(await leftBehind({})).toEqual([]);
    // Else the check above would show nothing.
    expect(await leftBehind({ ORT_DISABLE_TELEMETRY: '0' })).not.toEqual([]);
  },
);
