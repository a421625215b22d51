import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model, onlite } from './cli-support';
import { root } from './support';

const digits = (name: string): string => join(root, 'test/fixtures/digits', name);

interface Spread {
  kind: string;
  level: number;
  changedClass: number;
  changed: number;
  maxDeviation: number;
}
interface Found {
  output: string;
  stability: { rows: number; repeated: Spread; perturbed: Spread[]; isConstant: boolean };
  outputs: { rows: number; nan: number };
  limits: { limit: string; found: number; holds: boolean }[];
  holds: boolean;
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-stability-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('onlite stability', () => {
  it('perturbs images, and ends with 3 where a limit is not held', () => {
    const limits = ['--max-repeated', '0', '--max-changed', '0.0001', '--sound'];
    const args = ['--samples', '60', '--repeats', '2', '--noise', '0.01,1', ...limits];
    const { status, stdout, stderr } = onlite([
      'stability',
      digits('cnn.onnx'),
      digits('heldout.npz'),
      ...args,
      '--json',
    ]);
    expect(status, stderr).toBe(3);
    const { stability, outputs, limits: verdicts, holds } = JSON.parse(stdout) as Found;
    expect(stability).toMatchObject({ rows: 60, isConstant: false, repeated: { changed: 0 } });
    expect(stability.perturbed.map(({ kind, level }) => [kind, level])).toEqual([
      ['noise', 0.01],
      ['noise', 1],
      ['shift', 1],
    ]);
    const [little, much] = stability.perturbed;
    expect(much!.changedClass).toBeGreaterThan(little!.changedClass);
    expect(much!.maxDeviation).toBeGreaterThan(little!.maxDeviation);
    expect(outputs).toMatchObject({ rows: 60, nan: 0 });
    expect(holds).toBe(false);
    expect(verdicts.map(({ limit, holds: held }) => [limit, held])).toEqual([
      ['max-changed', false],
      ['max-repeated', true],
      ['sound', true],
    ]);
  });

  it.each(['mlp.tflite', 'conv_int8.tflite'])('says of %s how stable it is', (name) => {
    const data = join(folder, `${name}.mjs`);
    writeFileSync(
      data,
      `import { InferenceSession, Tensor } from ${JSON.stringify(join(root, 'dist/index.js'))};
       const session = await InferenceSession.create(${JSON.stringify(model(name))});
       const [{ name, shape }] = session.inputMetadata;
       await session.release();
       const dims = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
       const size = dims.reduce((all, dim) => all * dim, 1);
       export default Array.from({ length: 10 }, (_, row) => ({
         [name]: new Tensor('float32', Float32Array.from({ length: size }, (_, i) => Math.sin(row * 31 + i)), dims),
       }));`,
    );
    const { status, stdout, stderr } = onlite(['stability', model(name), data, '--repeats', '2']);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/the same, 2 times +(0 % +)+/);
    expect(stdout).toMatch(/noise of 10 % /);
    expect(stdout).toMatch(/saturated +\d+/);
  });

  it.each([
    [[], 'MODEL and DATA'],
    [['a', 'b', '--noise', '0'], '--noise'],
    [['a', 'b', '--max-changed', '2'], '--max-changed'],
    [['a', 'b', '--samples', '1'], '--samples'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = onlite(['stability', ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
