import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import { onlite, onliteJson } from './cli-support';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-combined-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digits = (name: string): string => path.join(import.meta.dirname, '../fixtures/digits', name);
const samples = [
  ...['--data', digits('calibration.npz'), '--test', digits('heldout.npz')],
  ...['--no-speed', '--min-speedup', '0'],
];

interface Result {
  pruned?: { name: string; fidelity: { sqnr: number; accuracy: [number, number] } };
  candidates: {
    name: string;
    fidelity: { sqnr: number; accuracy: [number, number] };
    decisions?: { node: string; as?: string; reason?: string }[];
  }[];
  chosen?: string;
  products?: [number, number];
  holds: boolean;
}

let outputs = 0;
const outputFile = (): string => path.join(folder, `${outputs++}.onnx`);

describe('onlite optimize with --prune and --quantize', () => {
  it('judges both steps beside the original, and says both', async () => {
    const file = outputFile();
    const page = path.join(folder, 'page.html');
    const steps = ['--prune', 'channel=0.2', '--quantize', 'dynamic', '--max-accuracy-loss', '0.2'];
    const all = ['optimize', digits('cnn.onnx'), file, ...samples, ...steps, '--report', page];
    const { pruned, candidates, chosen, products, holds } = onliteJson(all) as Result;
    expect(holds).toBe(true);
    expect(pruned!.name).toBe('pruned, moments matched');
    expect(products![1]).toBeLessThan(products![0]);
    expect(candidates.map(({ name }) => name)).toEqual([chosen]);
    // The original is the reference of both.
    expect(candidates[0]!.fidelity.accuracy[0]).toBe(pruned!.fidelity.accuracy[0]);
    expect(candidates[0]!.fidelity.sqnr).toBeLessThan(pruned!.fidelity.sqnr + 1);
    expect(readFileSync(page, 'utf8')).toContain('pruned, moments matched, dynamic');
    await using session = await InferenceSession.create(file);
    const { custom } = session.modelMetadata as { custom: Record<string, string> };
    expect(Object.keys(custom).sort()).toEqual(
      expect.arrayContaining(['onlite.pruning', 'onlite.quantization']) as string[],
    );
  });

  it('leaves nodes as they are that are to stay so', () => {
    const all = ['optimize', digits('mlp.onnx'), outputFile(), ...samples, '--no-speed'];
    const limits = ['--max-accuracy-loss', '1', '--min-speedup', '0'];
    const steps = ['--prune', '0.5', '--quantize', 'dynamic'];
    const find = (words: readonly string[]): Result =>
      onliteJson([...all, ...limits, ...words]) as Result;
    const [first, ...rest] = find(steps).candidates[0]?.decisions ?? [];
    const node = first?.node ?? '';
    expect(rest.length).toBeGreaterThan(0);
    const kept = find([...steps, '--exclude', node]).candidates[0]?.decisions ?? [];
    expect(kept.filter(({ as }) => as === undefined)).toMatchObject([
      { node, reason: 'it was to stay float' },
    ]);
    const { status, stderr } = onlite([...all.slice(0, 3), '--exclude', node]);
    expect(status).toBe(2);
    expect(stderr).toContain('--exclude: is for --prune and --quantize');
  });

  it('does one of them', () => {
    const all = ['optimize', digits('mlp.onnx'), outputFile(), ...samples, '--prune', '2:4'];
    const { candidates, pruned, holds } = onliteJson([
      ...all,
      '--max-accuracy-loss',
      '0.2',
    ]) as Result;
    expect(pruned).toBeUndefined();
    expect(candidates.map(({ name }) => name)).toEqual(['pruned', 'pruned, moments matched']);
    expect(holds).toBe(true);
  });

  it('writes nothing where both together do not hold a limit', () => {
    const file = outputFile();
    const steps = ['--prune', '0.3,clusters=16', '--quantize', 'weight-only', '--min-sqnr', '100'];
    const { status, stdout } = onlite(['optimize', digits('mlp.onnx'), file, ...samples, ...steps]);
    expect(status).toBe(3);
    expect(stdout).toContain('nothing is written');
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ['a share of 2', ['--prune', '2']],
    ['two shares', ['--prune', '0.5,channel=0.3']],
    ['one cluster', ['--prune', 'clusters=1']],
    ['an empty word', ['--prune', '0.5,']],
    ['an unknown word', ['--prune', 'rows=0.5']],
    ['an unknown method', ['--quantize', 'int4']],
    ['a level beside', ['--quantize', 'dynamic', '--level', 'runtime']],
  ])('refuses %s', (_, options) => {
    const { status, stderr } = onlite(['optimize', digits('mlp.onnx'), outputFile(), ...options]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/--(prune|quantize|level)/);
  });
});
