import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { ModelSize, Verification } from 'onlite/optimize';
import { afterAll, describe, expect, it } from 'vitest';

import { model, models, onlite, onliteJson } from './cli-support';

interface Result {
  level: string;
  before: ModelSize;
  after: ModelSize;
  passes: Record<string, number>;
  leftOut: string[];
  verification: Verification;
  output: { path: string; bytes: number; sha256: string };
  speed?: { models: { p50?: number; load?: number; failed?: { code: string } }[] };
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-optimize-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const resnet = path.join(models, '../simplify/resnet.onnx');
const optimize = (...args: string[]): Result => onliteJson(['optimize', ...args]) as Result;

describe('onlite optimize', () => {
  it('writes a simpler model in the place of the one that it read', () => {
    const file = path.join(scratch, 'resnet.onnx');
    copyFileSync(resnet, file);
    const { before, after, output, verification, level, passes } = optimize(
      file,
      file,
      '--no-speed',
    );
    expect(after.nodes).toBeLessThan(before.nodes);
    expect([level, output.bytes]).toEqual(['portable', after.bytes]);
    expect(readFileSync(file)).toHaveLength(after.bytes);
    expect(verification.samples).toBeGreaterThan(0);
    expect(Object.keys(passes)).not.toEqual([]);
    const again = optimize(file, file, '--no-speed');
    expect(again.output.sha256).toBe(output.sha256);
  });

  it('measures both models, and says it in words', () => {
    const output = path.join(scratch, 'measured.onnx');
    const { status, stdout } = onlite(
      ['optimize', resnet, output, '--duration', '0.05', '--processes', '1'],
      { NO_COLOR: '1' },
    );
    expect(status).toBe(0);
    for (const words of ['Operators', 'BatchNormalization', 'Passes', 'Load time', 'same values']) {
      expect(stdout).toContain(words);
    }
  });

  it('writes nothing where it fails', () => {
    const output = path.join(scratch, 'nothing.onnx');
    const tflite = onlite(['optimize', model('add4.tflite'), output]);
    expect([tflite.status, tflite.stderr]).toEqual([1, expect.stringContaining('ERR_UNSUPPORTED')]);
    expect(onlite(['optimize', resnet]).status).toBe(2);
    expect(onlite(['optimize', resnet, output, '--level', 'best']).status).toBe(2);
    expect(readdirSync(scratch)).not.toContain('nothing.onnx');
  });
});
