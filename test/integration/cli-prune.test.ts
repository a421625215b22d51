import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import { onlite, onliteJson } from './cli-support';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-prune-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digits = (name: string): string =>
  path.join(import.meta.dirname, '..', 'fixtures', 'digits', name);
const samples = [
  '--data',
  digits('calibration.npz'),
  '--test',
  digits('heldout.npz'),
  '--no-speed',
];

interface Result {
  candidates: {
    name: string;
    fidelity: { sqnr: number; accuracy: [number, number] };
    layers: { weights: [number, number]; zeros: [number, number] }[];
  }[];
  channels?: { layers: string[]; before: number; after: number; reason?: string }[];
  products?: [number, number];
  chosen?: string;
  holds: boolean;
}

let outputs = 0;
const outputFile = (): string => path.join(folder, `${outputs++}.onnx`);

describe('onlite prune', () => {
  it('removes channels, writes a page, and the result runs', async () => {
    const file = outputFile();
    const page = path.join(folder, 'page.html');
    const options = ['--structured', 'channel', '--sparsity', '0.3', '--force', '--report', page];
    const all = ['prune', digits('cnn.onnx'), file, ...samples, ...options];
    const { channels, products, candidates, chosen } = onliteJson(all) as Result;
    expect(products![1]).toBeLessThan(0.8 * products![0]);
    expect(channels!.map(({ before }) => before)).toEqual([16, 32, 32, 10]);
    expect(channels!.at(-1)!.reason).toBe("'scores' is an output of the model");
    expect(candidates.map(({ name }) => name)).toContain(chosen);
    expect(readFileSync(page, 'utf8')).toContain('is an output of the model');
    await using session = await InferenceSession.create(file);
    expect(session.outputNames).toEqual(['scores']);
  });

  it('says that zeros alone make nothing faster', () => {
    const options = ['--sparsity', '0.5', '--max-accuracy-loss', '0.05'];
    const all = ['prune', digits('cnn.onnx'), outputFile(), ...samples, ...options];
    const { status, stdout } = onlite(all);
    expect(status).toBe(0);
    expect(stdout).toContain('Zeros make no model faster');
    expect(stdout).toMatch(/^held: pruned, moments matched is written to /m);
  });

  it('says which samples judge where none are there to match moments on', () => {
    const options = ['--sparsity', '0.1', '--no-speed', '--test', digits('heldout.npz')];
    const { stdout } = onlite(['prune', digits('mlp.onnx'), outputFile(), ...options]);
    expect(stdout).toMatch(/^samples +0 match moments, \d+ judge$/m);
  });

  it('writes nothing and exits with 3 where a limit is not held', () => {
    const file = outputFile();
    const options = ['--sparsity', '0.9', '--min-sqnr', '100'];
    const { status, stdout } = onlite(['prune', digits('mlp.onnx'), file, ...samples, ...options]);
    expect(status).toBe(3);
    expect(stdout).toContain('nothing is written');
    expect(existsSync(file)).toBe(false);
  });

  it('refuses what it does not understand', () => {
    const refused = (...options: string[]) =>
      onlite(['prune', digits('mlp.onnx'), outputFile(), ...samples, ...options]);
    expect(refused('--structured', 'rows').status).toBe(2);
    expect(refused('--sparsity', '2').status).toBe(2);
    const alone = ['--sparsity', '0.5', '--labels', digits('heldout.npz')];
    const unlabelled = onlite(['prune', digits('mlp.onnx'), outputFile(), ...alone]);
    expect(unlabelled.status).toBe(2);
    expect(unlabelled.stderr).toContain('--labels: needs --data');
    const { status, stderr } = refused('--pattern', '4:2');
    expect(status).toBe(1);
    expect(stderr).toContain('options.pattern');
  });
});
