import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { model, onlite, onliteJson } from './cli-support';

interface Run {
  engine: string;
  outputs: {
    name: string;
    type: string;
    dims: number[];
    min: number;
    max: number;
    file?: string;
  }[];
  latency?: { invoke: { count: number; p50: number } };
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-run-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});
const npy = (name: string): string => path.join(import.meta.dirname, '..', 'fixtures', 'npy', name);

/** The same two feeds in each format. */
const json = path.join(scratch, 'add4.json');
writeFileSync(json, '{"a": [1, 2, 3, 4], "b": {"data": [10, 20, 30, 40]}}');
const feeds = {
  npy: [`a=${npy('add4_a.npy')}`, `b=${npy('add4_b.npy')}`],
  npz: [npy('add4.npz')],
  json: [json],
};

describe('onlite run', () => {
  it.each(Object.entries(feeds))('adds what is in %s files', (format, inputs) => {
    const output = path.join(scratch, format);
    const specs = inputs.flatMap((input) => ['--input', input]);
    const run = onliteJson(['run', model('add4.onnx'), ...specs, '--output', output]) as Run;
    expect(run.outputs).toMatchObject([{ type: 'float32', dims: [4], min: 11, max: 44 }]);
    const [name = ''] = readdirSync(output);
    // Byte for byte what NumPy writes.
    expect(readFileSync(path.join(output, name))).toEqual(readFileSync(npy('add4_sum.npy')));
  });

  it.each(['add4.onnx', 'add4.tflite', 'conv_int8.tflite'])('%s: random is repeatable', (name) => {
    const run = (seed: number): Run['outputs'] =>
      (onliteJson(['run', model(name), '--input', `random:${seed}`]) as Run).outputs;
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('times repeated runs', () => {
    const args = ['run', model('add4.onnx'), '--input', 'zeros', '--runs', '5'];
    expect((onliteJson(args) as Run).latency?.invoke.count).toBe(5);
    expect(onlite(args).stdout).toContain('p50');
  });

  it('runs a signature', () => {
    const { status, stderr } = onlite(['run', model('signatures.tflite'), '--signature', 'none']);
    expect(status).toBe(1);
    const [, key = ''] = /the model has ([^,\n]+)/.exec(stderr) ?? [];
    const args = ['run', model('signatures.tflite'), '--signature', key, '--input', 'zeros'];
    expect((onliteJson(args) as Run).outputs.length).toBeGreaterThan(0);
  });

  it('lists the inputs when nothing is given', () => {
    const { status, stderr } = onlite(['run', model('add4.onnx')]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/ERR_INVALID_ARGUMENT[^]*\n {2}a: float32 \[4\]\n/);
  });

  it.each([
    [['--input', 'a=zeros', '--input', 'b=zeros', '--provider', 'none'], 'ERR_'],
    [['--input', 'zeros', '--shape', 'a=5'], 'ERR_SHAPE_MISMATCH'],
    [['--input', 'c=zeros'], 'ERR_INVALID_ARGUMENT'],
  ])('fails with a code: %j', (args, code) => {
    const { status, stderr } = onlite(['run', model('add4.onnx'), ...args]);
    expect(status).toBe(1);
    expect(stderr).toContain(code);
  });
});
