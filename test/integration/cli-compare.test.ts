import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { LayerComparison, ModelComparison } from 'onlite/optimize';
import { afterAll, describe, expect, it } from 'vitest';

import { model, onlite, onliteJson } from './cli-support';

interface Result {
  models: { label: string; engine: string; sha256: string; bytes: number }[];
  source: string;
  comparison: ModelComparison;
  layers?: LayerComparison[];
  speed?: {
    models: {
      p50?: number;
      peakMemory?: number;
      speedup?: { ratio: number; interval: [number, number | null] };
      failed?: { code: string };
    }[];
  };
  limits: { limit: string; bound: number; model: string; found?: number; holds: boolean }[];
  holds: boolean;
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-compare-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function write(name: string, lines: readonly unknown[]): string {
  const file = path.join(scratch, name);
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

const compare = (...args: string[]): Result => onliteJson(['compare', ...args]) as Result;
const add = model('add4.onnx');
const adds = [add, model('add4.tflite'), '--no-speed'];
const mlps = [model('mlp.onnx'), model('mlp.tflite')];

describe('onlite compare', () => {
  it('compares models of both formats on random samples', () => {
    const { models, source, comparison, holds, limits } = compare(...adds, '--samples', '3');
    expect(models.map(({ label, engine }) => [label, engine])).toEqual([
      ['add4.onnx', 'onnxruntime'],
      ['add4.tflite', 'tflite'],
    ]);
    expect([source, comparison.samples, holds, limits]).toEqual(['random:0', 3, true, []]);
    const [output] = comparison.candidates[0]!.outputs;
    // JSON has no Infinity.
    expect(output!.difference).toEqual({
      count: 12,
      maxError: 0,
      meanError: 0,
      cosine: 1,
      sqnr: null,
    });
  });

  it('depends on the seed alone', () => {
    const found = (...args: string[]): unknown =>
      compare(...mlps, '--no-speed', ...args).comparison.candidates;
    expect(found()).toEqual(found('--seed', '0'));
    expect(found()).not.toEqual(found('--seed', '1'));
  });

  it('judges by labels, and a teacher’s students', () => {
    const rows = [0.1, -0.4, 0.9, 0.3].map((value) =>
      Array.from({ length: 16 }, (_, index) => value * Math.sin(index + value)),
    );
    const data = write('rows.jsonl', rows);
    const random = compare(mlps[0]!, mlps[0]!, '--data', data, '--no-speed');
    expect(random.comparison.quality).toBeUndefined();
    const labels = write('labels.jsonl', [0, 1, 2, 3]);
    const args = [...mlps, '--data', data, '--labels', labels, '--temperature', '2', '--no-speed'];
    const { comparison, source } = compare(...args);
    expect([source, comparison.samples]).toEqual([data, 4]);
    expect(comparison.quality!.map(({ kind, rows: count }) => [kind, count])).toEqual([
      ['classification', 4],
      ['classification', 4],
    ]);
    const [{ agreement, divergence } = {}] = comparison.candidates[0]!.outputs;
    expect(agreement!.rows).toBe(4);
    expect(divergence).toBeGreaterThan(0);
    expect(compare(...args, '--samples', '2').comparison.samples).toBe(2);
    const { status, stdout } = onlite(['compare', ...args]);
    expect(status).toBe(0);
    for (const words of ['accuracy', 'top-1', 'KL', 'SQNR']) expect(stdout).toContain(words);
  });

  it('follows the layers', () => {
    const args = [mlps[0]!, mlps[0]!, '--no-speed', '--layers', '--samples', '2'];
    const [layers] = compare(...args).layers!;
    expect(layers!.layers.map(({ name }) => name)).toContain('logits');
    expect(layers!.partsAt).toBeUndefined();
    expect(onlite(['compare', ...args]).stdout).toContain('Layers of mlp.onnx #2, 4');
    const { status, stdout } = onlite(['compare', ...mlps, '--layers', '--no-speed', '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ERR_UNSUPPORTED' } });
  });

  it('measures latency and memory in turn', () => {
    const args = [...mlps, '--duration', '0.2', '--processes', '2', '--min-speedup', '1e-9'];
    const { speed, limits } = compare(...args);
    const [reference, candidate] = speed!.models;
    expect(reference!.speedup).toBeUndefined();
    const { ratio, interval } = candidate!.speedup!;
    expect(ratio).toBeGreaterThan(0);
    expect(interval[0]).toBeLessThanOrEqual(ratio);
    for (const { p50, peakMemory } of speed!.models) {
      expect(p50).toBeGreaterThan(0);
      expect(peakMemory).toBeGreaterThan(0);
    }
    expect(limits).toMatchObject([{ limit: 'min-speedup', found: ratio, holds: true }]);
  });

  it('ends with 3 where a limit is not held', () => {
    const limits = (...args: string[]): [number | null, Result['limits']] => {
      const { status, stdout } = onlite(['compare', ...mlps, '--no-speed', ...args, '--json']);
      return [status, (JSON.parse(stdout) as Result).limits];
    };
    const [held] = limits('--max-error', '1', '--min-sqnr=-100');
    expect(held).toBe(0);
    const [status, found] = limits('--max-error', '1e-6', '--min-sqnr=-100');
    expect(status).toBe(3);
    expect(found.map(({ limit, model: label, holds }) => [limit, label, holds])).toEqual([
      ['max-error', 'mlp.tflite', false],
      ['min-sqnr', 'mlp.tflite', true],
    ]);
    const data = write('zeros.jsonl', [new Array(16).fill(0)]);
    const labels = ['--labels', write('impossible.jsonl', [99])];
    expect(limits('--data', data, ...labels, '--min-accuracy', '0.5')[0]).toBe(3);
    expect(limits('--data', data, ...labels, '--min-accuracy', '0')[0]).toBe(0);
  });

  it('writes its JSON to a file', () => {
    const file = path.join(scratch, 'saved.json');
    const printed = compare(...adds, '--save', file);
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Result;
    expect(saved).toEqual(printed);
  });

  it('writes a page that needs nothing but itself', () => {
    const rows = [0, 1, 2].map((label) => ({ x: new Array(16).fill(label), label }));
    const data = write('<b>rows.jsonl', rows);
    const file = path.join(scratch, 'report.html');
    const speed = ['--duration', '0.1', '--processes', '2', '--max-error', '10'];
    const twice = [mlps[0]!, mlps[0]!];
    const { models } = compare(...twice, '--data', data, '--layers', ...speed, '--report', file);
    const page = readFileSync(file, 'utf8');
    const headings = [...page.matchAll(/<h2 id="(\w+)">/g)].map(([, id]) => id);
    expect(headings).toEqual(['limits', 'outputs', 'quality', 'layers', 'speed', 'machine']);
    for (const id of headings) expect(page).toContain(`href="#${id}"`);
    for (const words of [models[1]!.label, models[0]!.sha256, 'confusion matrix', 'logits']) {
      expect(page).toContain(words);
    }
    expect(page).toContain('&lt;b&gt;rows.jsonl');
    expect(page).not.toContain('<b>rows');
    expect(page).not.toMatch(/<script|src=|https?:/);
  });

  it.each([
    ['one model', [add]],
    ['an unknown task', [...adds, '--task', 'guessing']],
    ['a temperature of 0', [...adds, '--temperature', '0']],
    ['an accuracy above 1', [...adds, '--min-accuracy', '97']],
    ['an accuracy without labels', [...adds, '--min-accuracy', '0.9']],
    ['a speed-up that is not measured', [...adds, '--min-speedup', '2']],
    ['a limit that is no number', [...adds, '--max-error', 'small']],
    ['data and a seed', [...adds, '--data', 'x.npz', '--seed', '1']],
  ])('refuses %s', (_what, args) => {
    expect(onlite(['compare', ...args]).status).toBe(2);
  });

  it.each([
    ['a model that is not there', [add, 'missing.onnx'], 'ERR_MODEL_NOT_FOUND'],
    ['models of other shapes', [add, model('conv.onnx')], 'ERR_SHAPE_MISMATCH'],
    ['data that is not there', [...adds, '--data', 'missing.npz'], 'ERR_INVALID_ARGUMENT'],
    ['an output that is not there', [...mlps, '--output', 'y'], 'ERR_INVALID_ARGUMENT'],
  ])('fails for %s', (_what, args, code) => {
    const { status, stdout } = onlite(['compare', ...args, '--no-speed', '--json']);
    expect(status).toBe(1);
    expect((JSON.parse(stdout) as { error: { code: string } }).error.code).toBe(code);
  });
});
