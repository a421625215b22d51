import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const fixture = path.join(root, 'test', 'fixtures', 'digits', 'cnn.onnx');

it('reads digits in integers as in floats, and writes a report', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'onlite-example-'));
  try {
    const main = path.join(root, 'examples', 'quantize', 'main.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, folder], {
      encoding: 'utf8',
      timeout: 170_000,
    });
    expect(status, stderr).toBe(0);
    const answers = (name: string): string[] =>
      stdout
        .split('\n')
        .find((line) => line.endsWith(name))!
        .trim()
        .split(/\s+/)
        .slice(0, -1);
    expect(answers('truth')).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(answers('float32')).toEqual(answers('truth'));
    expect(answers('int8')).toEqual(answers('truth'));
    const { size } = statSync(path.join(folder, 'digits_int8.onnx'));
    expect(size).toBeLessThan(0.5 * statSync(fixture).size);
    expect(readFileSync(path.join(folder, 'report.html'), 'utf8')).toContain('Candidates');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
