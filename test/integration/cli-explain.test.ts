import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model, onlite, onliteJson } from './cli-support';
import { root } from './support';

const digits = (name: string): string => join(root, 'test/fixtures/digits', name);

interface Explained {
  method: string;
  output: string;
  features: string[];
  image?: { width: number; height: number; channels: number; channelsLast: boolean };
  explanations: {
    sample: number;
    row: number;
    class: string;
    score: number;
    base: number;
    isExact: boolean;
    values: number[];
    input: number[];
  }[];
  importance?: { measure: string; score: number; values: number[]; deviations: number[] };
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-explain-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const explain = (...args: string[]): Explained => onliteJson(['explain', ...args]) as Explained;
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

describe('onlite explain', () => {
  it('covers parts of an image, and draws a picture', () => {
    const report = join(folder, 'occlusion.html');
    const options = ['--sample', '0,5', '--patch', '2', '--fill=-1', '--report', report];
    const found = explain(digits('cnn.onnx'), digits('heldout.npz'), ...options);
    expect(found).toMatchObject({
      method: 'occlusion',
      image: { width: 8, height: 8, channels: 1, channelsLast: false },
    });
    expect(found.explanations.map(({ sample, class: name }) => [sample, name])).toEqual([
      [0, '9'],
      [5, expect.any(String)],
    ]);
    for (const { values } of found.explanations) {
      expect(values).toHaveLength(64);
      expect(Math.max(...values)).toBeGreaterThan(0);
    }
    const page = readFileSync(report, 'utf8');
    expect(page.match(/src="data:image\/png;base64,/g)).toHaveLength(6);
    expect(page).not.toMatch(/<script|https?:/);
  });

  it('says what each square of an image adds, which is the score together', () => {
    const options = ['--method', 'shap', '--patch', '4', '--class', '3'];
    const { explanations } = explain(digits('cnn.onnx'), digits('heldout.npz'), ...options);
    const [{ base, score, values, isExact, class: name }] = explanations as [
      Explained['explanations'][0],
    ];
    expect([name, isExact]).toEqual(['3', true]);
    expect(base + sum(values)).toBeCloseTo(score, 4);
    expect(new Set(values).size).toBe(4);
  });

  it('finds by shuffling which features count, by the labels', () => {
    const options = ['--method', 'permutation', '--rows', '100', '--repeats', '2'];
    const { importance } = explain(digits('mlp.onnx'), digits('heldout.npz'), ...options);
    expect(importance).toMatchObject({ measure: 'accuracy' });
    expect(importance!.score).toBeGreaterThan(0.9);
    expect(importance!.values).toHaveLength(64);
    expect(Math.max(...importance!.values)).toBeGreaterThan(0);
    // A corner that is always empty.
    expect(importance!.values[0]).toBe(0);
  });

  it.each(['mlp.onnx', 'mlp.tflite'])('explains the rows of %s by name', (name) => {
    const data = join(folder, `${name}.jsonl`);
    const [input] = (onliteJson(['info', model(name)]) as { inputs: { shape: number[] }[] }).inputs;
    const width = input!.shape.at(-1)!;
    const lines = Array.from({ length: 8 }, (_, row) =>
      JSON.stringify(Array.from({ length: width }, (_unused, i) => Math.sin(row * 31 + i))),
    );
    writeFileSync(data, lines.join('\n'));
    const names = Array.from({ length: width }, (_, i) => `f${i}`);
    const report = join(folder, `${name}.html`);
    const found = explain(model(name), data, '--names', names.join(), '--report', report);
    expect(found.method).toBe('shap');
    expect(found.features).toEqual(names);
    const [{ base, score, values }] = found.explanations as [Explained['explanations'][0]];
    expect(base + sum(values)).toBeCloseTo(score, 4);
    expect(readFileSync(report, 'utf8')).toContain('class="signed');
  });

  it('explains the classes of a model that has no scores', () => {
    const data = join(folder, 'tree.jsonl');
    const { inputs } = onliteJson(['info', model('tree_classifier.onnx')]) as {
      inputs: { shape: number[] }[];
    };
    const width = inputs[0]!.shape.at(-1)!;
    const lines = Array.from({ length: 20 }, (_, row) =>
      JSON.stringify(Array.from({ length: width }, (_unused, i) => 3 * Math.sin(row * 31 + i))),
    );
    writeFileSync(data, lines.join('\n'));
    const options = ['--method', 'permutation', '--output', 'label', '--repeats', '1'];
    const { importance } = explain(model('tree_classifier.onnx'), data, ...options);
    expect(importance).toMatchObject({ measure: 'agreement', score: 1 });
  });

  it.each([
    [[], 2, 'MODEL and DATA'],
    [[digits('cnn.onnx'), digits('heldout.npz'), '--method', 'magic'], 2, '--method'],
    [[digits('cnn.onnx'), digits('heldout.npz'), '--sample', '-1'], 2, '--sample'],
    [[digits('cnn.onnx'), digits('heldout.npz'), '--sample', '599'], 1, '599 samples'],
    [[digits('cnn.onnx'), digits('heldout.npz'), '--class', '10'], 1, '--class'],
    [[digits('cnn.onnx'), digits('heldout.npz'), '--output', 'none'], 1, 'output'],
    [[digits('mlp.onnx'), digits('heldout.npz'), '--names', 'a,b'], 1, '--names'],
  ])('says what is wrong: %j', (args, code, message) => {
    const { status, stderr } = onlite(['explain', ...args]);
    expect(status).toBe(code);
    expect(stderr).toContain(message);
  });
});
