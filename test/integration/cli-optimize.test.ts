import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { optimizeModel, type ModelSize, type Verification } from 'onlite/optimize';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { model, models, onlite, onliteJson } from './cli-support';

interface Result {
  fidelity?: { sqnr: number | null; agreement?: number; accuracy?: [number, number] };
  speedup?: { ratio: number; interval: [number, number] };
  refused: string[];
  holds: boolean;
  level: string;
  before: ModelSize;
  after: ModelSize;
  passes: Record<string, number>;
  leftOut: string[];
  verification: Verification;
  output?: { path: string; bytes: number; sha256: string };
  speed?: {
    models: { p50?: number; load?: number; peakMemory?: number; failed?: { code: string } }[];
  };
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-optimize-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const waiting = { timeout: 60_000, interval: 5 };

/** The command as it goes on, with temporary files in a folder of its own. */
function start(name: string, input: string, ...args: readonly string[]) {
  const temporary = path.join(scratch, name);
  mkdirSync(temporary);
  const output = path.join(scratch, `${name}.onnx`);
  const main = path.join(import.meta.dirname, '../../dist/cli/main.js');
  const child = spawn(
    process.execPath,
    [main, 'optimize', path.join(models, '../simplify', input), output, ...args],
    { env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore' },
  );
  return { temporary, output, child, ended: once(child, 'close') };
}

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
    expect([level, output!.bytes]).toEqual(['portable', after.bytes]);
    expect(readFileSync(file)).toHaveLength(after.bytes);
    expect(verification.samples).toBeGreaterThan(0);
    expect(Object.keys(passes)).not.toEqual([]);
    const again = optimize(file, file, '--no-speed');
    expect(again.output!.sha256).toBe(output!.sha256);
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

  it('writes nothing that does not hold, unless it must', () => {
    const output = path.join(scratch, 'guarded.onnx');
    const report = path.join(scratch, 'guarded.html');
    const quick = ['--duration', '0.05', '--processes', '2'];
    const args = ['optimize', resnet, output, ...quick, '--min-speedup', '1000'];
    const refused = onlite([...args, '--json']);
    expect(refused.status).toBe(3);
    const found = JSON.parse(refused.stdout) as Result;
    expect(found).toMatchObject({ holds: false, refused: [expect.stringContaining('1000 ×')] });
    expect(found.fidelity!.sqnr).toBeGreaterThan(100);
    expect(found.fidelity!.agreement).toBe(1);
    expect(found.speedup!.interval[0]).toBeLessThanOrEqual(found.speedup!.interval[1]);
    for (const { p50, load, peakMemory } of found.speed!.models) {
      for (const figure of [p50, load, peakMemory]) expect(figure).toBeGreaterThan(0);
    }
    expect([found.output, existsSync(output)]).toEqual([undefined, false]);
    const forced = onlite([...args, '--force', '--report', report]);
    expect([forced.status, existsSync(output)]).toEqual([3, true]);
    expect(forced.stdout).toContain('not held');
    const page = readFileSync(report, 'utf8');
    for (const words of ['1000 ×', 'BatchNormalization', 'peak memory', 'SQNR']) {
      expect(page).toContain(words);
    }
  });

  it('says in the metadata what it did', () => {
    const output = path.join(scratch, 'described.onnx');
    const { before, after } = optimize(resnet, output, '--no-speed');
    const { metadata } = onliteJson(['info', output]) as {
      metadata: { custom: Record<string, string> };
    };
    const facts: unknown = JSON.parse(metadata.custom['onlite.optimization']!);
    expect(facts).toMatchObject({ level: 'portable', nodes: [before.nodes, after.nodes] });
  });

  it('measures accuracy by labels', () => {
    const digits = path.join(import.meta.dirname, '../fixtures/digits');
    const data = ['--data', path.join(digits, 'heldout.npz'), '--no-speed'];
    const output = path.join(scratch, 'digits.onnx');
    const { fidelity, verification } = optimize(path.join(digits, 'cnn.onnx'), output, ...data);
    const [before, after] = fidelity!.accuracy!;
    expect(before).toBeGreaterThan(0.95);
    expect(Math.abs(before - after)).toBeLessThan(0.01);
    expect(verification.samples).toBe(599);
    const unlabelled = onlite(['optimize', resnet, output, '--labels', 'labels.npy']);
    expect([unlabelled.status, unlabelled.stderr]).toEqual([2, expect.stringContaining('--data')]);
  });

  it('writes nothing where it fails', () => {
    const output = path.join(scratch, 'nothing.onnx');
    const tflite = onlite(['optimize', model('add4.tflite'), output]);
    expect([tflite.status, tflite.stderr]).toEqual([1, expect.stringContaining('ERR_UNSUPPORTED')]);
    expect(onlite(['optimize', resnet]).status).toBe(2);
    expect(onlite(['optimize', resnet, output, '--level', 'best']).status).toBe(2);
    expect(readdirSync(scratch)).not.toContain('nothing.onnx');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no files at %s while it optimises',
    async (signal) => {
      const { temporary, output, child, ended } = start(signal, 'encoder.onnx', '--no-speed');
      await vi.waitFor(() => expect(readdirSync(temporary)).toHaveLength(2), waiting);
      child.kill(signal);
      expect(await ended).toEqual([1, null]);
      expect(readdirSync(temporary)).toEqual([]);
      expect(existsSync(output)).toBe(false);
    },
  );

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'leaves no files at %s while it measures',
    async (signal) => {
      const { temporary, child, ended } = start(
        `measure-${signal}`,
        'nhwc.onnx',
        '--duration',
        '60',
      );
      const isMeasuring = (): boolean =>
        readdirSync(temporary).some((name) => name.startsWith('onlite-compare-'));
      await vi.waitFor(() => expect(isMeasuring()).toBe(true), waiting);
      child.kill(signal);
      expect(await ended).toEqual([null, signal]);
      expect(readdirSync(temporary)).toEqual([]);
    },
  );

  it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
    const pipe = path.join(scratch, 'pipe');
    spawnSync('mkfifo', [pipe]);
    const { status, stderr } = onlite(['optimize', pipe, path.join(scratch, 'piped.onnx')]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('is no file')]);
    await expect(optimizeModel(pipe)).rejects.toThrow('is no file');
  });

  it('replaces no model by what it prints', () => {
    const input = path.join(scratch, 'input.onnx');
    const link = path.join(scratch, 'link.onnx');
    copyFileSync(resnet, input);
    symlinkSync(input, link);
    const output = path.join(scratch, 'output.onnx');
    for (const saved of [input, link, output]) {
      const { status, stderr } = onlite(['optimize', input, output, '--save', saved]);
      expect([status, stderr]).toEqual([2, expect.stringContaining('--save')]);
    }
    expect(readFileSync(input).equals(readFileSync(resnet))).toBe(true);
    expect(existsSync(output)).toBe(false);
  });
});
