import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readProfile } from 'onlite/watch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model, onlite } from './cli-support';
import { root } from './support';

const digits = (name: string): string => join(root, 'test/fixtures/digits', name);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-profile-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('onlite profile', () => {
  it('writes what features and predictions are like', async () => {
    const output = join(folder, 'digits.json');
    const options = ['--model', digits('cnn.onnx'), '--output', output, '--max-elements', '8'];
    const { status, stdout, stderr } = onlite(['profile', digits('heldout.npz'), ...options]);
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/image\.channel0\.mean +0\.\d+ to 0\.\d+/);
    expect(stdout).toContain('599 rows');
    const profile = await readProfile(output);
    expect(profile.rows).toBe(599);
    expect(profile.features.map(({ name }) => name)).toEqual([
      'image.channel0.mean',
      'image.channel0.std',
    ]);
    const [mean] = profile.features;
    expect(mean!.numbers!.counts.reduce((sum, count) => sum + count, 0)).toBe(599);
    expect(mean!.numbers!.counts).toHaveLength(10);
    expect(profile.predictions).toMatchObject({ kind: 'categorical', rows: 599 });
    expect(profile.predictions!.categories).toHaveLength(10);
  });

  it('prints JSON, and each element of a row where there are few', () => {
    const output = join(folder, 'elements.json');
    const options = [
      '--model',
      digits('cnn.onnx'),
      '--output',
      output,
      '--samples',
      '20',
      '--json',
    ];
    const { status, stdout, stderr } = onlite(['profile', digits('heldout.npz'), ...options]);
    expect(status, stderr).toBe(0);
    const printed = JSON.parse(stdout) as { features: { name: string; sampled: number }[] };
    expect(printed.features).toHaveLength(64);
    expect(printed.features[63]).toMatchObject({ name: 'image[63]', sampled: 20 });
    expect(readFileSync(output, 'utf8')).toContain('"sample":[');
  });

  it('quantises real values of JSON lines as the model takes them', async () => {
    const data = join(folder, 'real.jsonl');
    const image = (value: number): number[][][] =>
      Array.from({ length: 16 }, () => Array.from({ length: 16 }, () => [value, value, value]));
    writeFileSync(data, [0.5, -0.5].map((value) => JSON.stringify([image(value)])).join('\n'));
    const output = join(folder, 'quantised.json');
    const options = ['--model', model('conv_int8.tflite'), '--output', output];
    const { status, stderr } = onlite(['profile', data, ...options]);
    expect(status, stderr).toBe(0);
    const profile = await readProfile(output);
    const { numbers } = profile.features.find(({ name }) => name === 'x.channel0.mean')!;
    // Half of the input's scale, 0.0281, is what quantising may change.
    expect(Math.abs(numbers!.min + 0.5)).toBeLessThan(0.0141);
    expect(Math.abs(numbers!.max - 0.5)).toBeLessThan(0.0141);
  });

  it.each([
    [[], 'DATA is expected'],
    [[digits('heldout.npz')], '--model'],
    [[digits('heldout.npz'), '--model', digits('cnn.onnx')], '--output'],
  ])('needs its arguments: %j', (args, message) => {
    const { status, stderr } = onlite(['profile', ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
