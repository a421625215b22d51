import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { fixture } from '../integration/support';

const MIB = 1 << 20;

/** What a script of pool/ prints, run in a process of its own. */
async function runScript(
  script: string,
  { flags = [] as string[], task = {} } = {},
): Promise<Record<string, unknown>> {
  const file = fileURLToPath(new URL(`pool/${script}`, import.meta.url));
  const args = [...flags, file, JSON.stringify(task)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 180_000 });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('random use', () => {
  it.each([
    { seed: 1, rounds: 8000, maxBytes: 64 * MIB, shared: false },
    { seed: 2, rounds: 8000, maxBytes: 8 * MIB, shared: false },
    { seed: 3, rounds: 8000, maxBytes: 8 * MIB, shared: true },
    { seed: 4, rounds: 8000, maxBytes: 100_000, shared: false },
  ])('$maxBytes bytes, shared: $shared', async (task) => {
    const result = await runScript('random.mjs', { flags: ['--expose-gc'], task });
    expect(result).toMatchObject({ bytesInUse: 0, bytesFree: 0 });
    expect(result['hits']).toBeGreaterThan(1000);
    if (task.maxBytes < MIB) expect(result['exhausted']).toBeGreaterThan(100);
  });

  it('without WebAssembly', async () => {
    const task = { seed: 5, rounds: 8000, maxBytes: 8 * MIB, shared: false };
    const result = await runScript('random.mjs', { flags: ['--expose-gc', '--jitless'], task });
    expect(result).toMatchObject({ bytesInUse: 0, bytesFree: 0 });
  });
});

it('works in ordinary buffers without WebAssembly', async () => {
  const stats = await runScript('plain.mjs', { flags: ['--jitless'] });
  expect(stats).toMatchObject({ bytesInUse: 448, bytesFree: 0, hits: 1 });
});

it('goes on in ordinary buffers when it has its share of the address space', async () => {
  const result = await runScript('many.mjs', { flags: ['--expose-gc'] });
  expect(result).toEqual({ right: true, bytes: MIB + 65_536 });
});

/** Commands that limit a process's addresses, and sanitizers that reserve them, are apart. */
const canLimit = process.platform === 'linux' && process.env['ONLITE_SANITIZER'] === undefined;

it.runIf(canLimit)("leaves others room within Electron's address space", async () => {
  const file = fileURLToPath(new URL('pool/address-space.mjs', import.meta.url));
  const limit = `ulimit -v ${2 ** 30}; exec "$0" "$@"`;
  const args = ['-c', limit, process.execPath, file, fixture('identity_float32.onnx')];
  const { stdout } = await promisify(execFile)('bash', args, { timeout: 180_000 });
  expect(JSON.parse(stdout)).toEqual({ isWhole: true, others: 40, results: [true, true] });
});

it('shares memory with a worker', async () => {
  expect(await runScript('shared.mjs')).toEqual({ right: [true, true] });
});

// AddressSanitizer keeps what is freed, and its own shadow counts as resident.
it.skipIf(process.env['ONLITE_SANITIZER'] !== undefined)(
  'trim gives memory back at once',
  async () => {
    const { given, left, intact } = await runScript('trim.mjs');
    expect(given).toBeGreaterThan(100);
    expect(left).toBeGreaterThan(90);
    expect(intact).toBe(true);
  },
);
