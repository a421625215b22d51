import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { encodeOnnx, float32 } from '../integration/onnx-encoder';
import { outcome, passed, runChild } from '../lifecycle/child';

const folder = mkdtempSync(join(tmpdir(), 'onlite-shared-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const size = 4096;
const weightsMiB = (size * size * 4) / 2 ** 20;

it('has the weights of a session once, however many threads share it', async () => {
  writeFileSync(join(folder, 'w.bin'), new Float32Array(size * size).fill(1));
  const file = join(folder, 'model.onnx');
  const model = encodeOnnx({
    inputs: [{ name: 'x', type: float32, dims: [1, size] }],
    outputs: [{ name: 'y', type: float32, dims: [1, size] }],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', dims: [size, size], data: { location: 'w.bin' } }],
  });
  writeFileSync(file, model);
  const child = await runChild('stress/children/shared-weights.mjs', [file, '4'], {
    // Arenas of glibc that threads took turns in would look like growth.
    env: { MALLOC_ARENA_MAX: '2' },
  });
  expect(outcome({ ...child, reports: [] })).toEqual(passed);
  // Four copies would be four times as much.
  expect(child.reports[0]?.['growthMiB']).toBeLessThan(weightsMiB);
});
