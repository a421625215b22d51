import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { onlite, onliteJson } from './cli-support';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-quantize-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digits = (name: string): string =>
  path.join(import.meta.dirname, '..', 'fixtures', 'digits', name);
const samples = ['--data', digits('calibration.npz'), '--test', digits('heldout.npz')];
const quick = ['--duration', '0.1', '--processes', '2'];

interface Result {
  candidates: {
    name: string;
    fidelity: { sqnr: number; agreement: number; accuracy: [number, number] };
    speedup: { ratio: number; interval: [number, number] };
    bytes: number;
    decisions: { node: string; operator: string; as?: string; reason?: string }[];
    refused: string[];
  }[];
  chosen?: string;
  holds: boolean;
  samples: { calibration: number; heldOut: number };
  speed?: { models: { p50: number; peakMemory: number }[] };
  output?: { bytes: number };
}

let outputs = 0;
const outputFile = (): string => path.join(folder, `${outputs++}.onnx`);

function quantize(model: string, ...args: string[]): Result & { file: string } {
  const file = outputFile();
  const all = ['quantize', digits(model), file, ...samples, '--min-speedup', '0', ...args];
  return { ...(onliteJson(all) as Result), file };
}

describe('onlite quantize', () => {
  it('makes a model of integers that holds its accuracy', async () => {
    const { candidates, chosen, holds, file, ...found } = quantize('mlp.onnx', ...quick);
    expect(holds).toBe(true);
    expect(candidates.map(({ name }) => name.split(' ')[0]).sort()).toEqual(['dynamic', 'static']);
    expect(candidates[0]!.name).toBe(chosen);
    for (const { fidelity, refused, bytes, decisions } of candidates) {
      expect(refused).toEqual([]);
      expect(fidelity.sqnr).toBeGreaterThan(35);
      expect(fidelity.accuracy[0] - fidelity.accuracy[1]).toBeLessThanOrEqual(0.01);
      expect(bytes).toBeLessThan(0.5 * statSync(digits('mlp.onnx')).size);
      expect(decisions.filter(({ as }) => as).map(({ operator }) => operator)).toEqual([
        'Gemm',
        'Gemm',
        'Gemm',
      ]);
    }
    expect(found.samples).toMatchObject({ calibration: 100, heldOut: 599, areApart: true });
    expect(found.output?.bytes).toBe(statSync(file).size);
    expect(found.speed?.models).toHaveLength(2);
    for (const { p50, peakMemory } of found.speed!.models) {
      expect(p50).toBeGreaterThan(0);
      expect(peakMemory).toBeGreaterThan(0);
    }
    const session = await InferenceSession.create(file);
    expect(session.inputMetadata).toMatchObject([{ name: 'image', type: 'float32' }]);
    await session.release();
  });

  it.each(['static', 'dynamic'])('finds as good a model by %s alone', (method) => {
    const { candidates } = quantize('cnn.onnx', '--method', method, '--no-speed');
    expect(candidates).toHaveLength(1);
    expect(candidates[0]!.fidelity.accuracy[1]).toBeGreaterThan(0.97);
  });

  it.each(['minmax', 'percentile', 'entropy', 'mse'])('calibrates by %s', (calibration) => {
    const args = ['--method', 'static', '--calibration', calibration, '--no-speed'];
    const { candidates } = quantize('mlp.onnx', ...args);
    expect(candidates).toHaveLength(1);
    expect(candidates[0]!.name).toContain(calibration);
    expect(candidates[0]!.fidelity.sqnr).toBeGreaterThan(25);
  });

  it.each([
    ['float16', [], 0.55, 60],
    ['weight-only', ['--bits', '8', '--block-size', '16'], 0.45, 35],
    ['weight-only', [], 0.25, 20],
  ] as const)('makes a model smaller by %s %j', (method, args, share, sqnr) => {
    const { candidates, chosen } = quantize('mlp.onnx', '--method', method, ...args, '--no-speed');
    expect(chosen).toBe(method);
    const { bytes, fidelity } = candidates[0]!;
    expect(bytes).toBeLessThan(share * statSync(digits('mlp.onnx')).size);
    expect(fidelity.sqnr).toBeGreaterThan(sqnr);
  });

  it('needs no data for methods that look at no activation', () => {
    const args = ['--method', 'float16', '--no-speed', '--json'];
    const { status, stdout } = onlite(['quantize', digits('mlp.onnx'), outputFile(), ...args]);
    expect(status, stdout).toBe(0);
    expect((JSON.parse(stdout) as Result).samples).toMatchObject({ source: 'random' });
  });

  it('leaves no files when it is interrupted', async () => {
    const temporary = mkdtempSync(path.join(folder, 'temporary-'));
    const file = outputFile();
    const main = path.join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
    const child = spawn(
      process.execPath,
      [main, 'quantize', digits('cnn.onnx'), file, ...samples],
      {
        env: { ...process.env, TMPDIR: temporary },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const ended = once(child, 'close');
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await vi.waitFor(() => expect(readdirSync(temporary)).toHaveLength(1), {
      timeout: 60_000,
      interval: 20,
    });
    child.kill('SIGINT');
    expect(await ended).toEqual([1, null]);
    expect(stderr).toContain('ERR_CANCELLED');
    expect(readdirSync(temporary)).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });

  it('writes integer operators', async () => {
    const args = ['--method', 'static', '--format', 'qoperator', '--target', 'x64', '--no-speed'];
    const { file } = quantize('mlp.onnx', ...args);
    const { operators } = onliteJson(['info', file]) as { operators: Record<string, number> };
    expect(JSON.stringify(operators)).toContain('QGemm');
    const session = await InferenceSession.create(file);
    await session.release();
  });

  it('keeps the layers float that a limit asks for', () => {
    const args = ['--method', 'static', '--target', 'x64-no-vnni', '--no-speed'];
    const all = quantize('mlp.onnx', ...args).candidates[0]!;
    const wanted = all.fidelity.sqnr + 1;
    const some = quantize('mlp.onnx', ...args, '--min-sqnr', String(wanted)).candidates[0]!;
    expect(some.fidelity.sqnr).toBeGreaterThanOrEqual(wanted);
    const kept = some.decisions.filter(({ reason }) => reason?.includes('more noise') === true);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(3);
  });

  it('writes nothing that does not hold, unless it must', () => {
    const file = outputFile();
    const args = ['quantize', digits('mlp.onnx'), file, ...samples, '--min-speedup', '1000'];
    const refused = onlite([...args, ...quick, '--json']);
    expect(refused.status).toBe(3);
    const { holds, chosen, candidates, speed } = JSON.parse(refused.stdout) as Result;
    for (const { peakMemory } of speed!.models) expect(peakMemory).toBeGreaterThan(0);
    expect([holds, chosen]).toEqual([false, undefined]);
    for (const candidate of candidates) expect(candidate.refused[0]).toContain('1000 ×');
    expect(existsSync(file)).toBe(false);
    const report = path.join(folder, 'report.html');
    const forced = onlite([...args, '--force', '--no-speed', '--report', report]);
    expect(forced.status).toBe(3);
    expect(statSync(file).size).toBeGreaterThan(0);
    for (const words of ['Candidates', 'SQNR', 'Gemm', '1000 ×', 'is written to']) {
      expect(forced.stdout).toContain(words);
    }
    expect(readFileSync(report, 'utf8')).toContain('Operators of static');
  });

  it("writes transformers.js's layout", () => {
    const out = path.join(folder, 'layout');
    const args = [
      'quantize',
      digits('mlp.onnx'),
      out,
      ...samples,
      '--min-sqnr',
      '15',
      '--no-speed',
    ];
    const q8 = [...args, '--dtype', 'q8', '--method', 'static', '--calibration', 'minmax'];
    const refused = onlite([...q8, '--min-speedup', '1000']);
    expect([refused.status, existsSync(out)]).toEqual([3, false]);
    onliteJson([...q8, '--min-speedup', '0', '--target', 'any']);
    const { chosen } = onliteJson([...args, '--dtype', 'q4']) as Result;
    expect(chosen).toBe('weight-only');
    expect(readdirSync(path.join(out, 'onnx')).sort()).toEqual([
      'mlp_q4.onnx',
      'mlp_quantized.onnx',
    ]);
    const config: unknown = JSON.parse(
      readFileSync(path.join(out, 'quantize_config.json'), 'utf8'),
    );
    expect(config).toMatchObject({ modes: ['q8', 'q4'], per_channel: true, reduce_range: true });
    const wrong = onlite([...args, '--dtype', 'q4', '--method', 'static']);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('weight-only')]);
  });

  it('judges by every fourth sample where there are no others', () => {
    const file = outputFile();
    const args = ['--data', digits('calibration.npz'), '--min-speedup', '0', '--no-speed'];
    const { samples: found, candidates } = onliteJson([
      'quantize',
      digits('mlp.onnx'),
      file,
      ...args,
    ]) as Result;
    expect(found).toMatchObject({ calibration: 75, heldOut: 25, areApart: true });
    expect(candidates[0]!.fidelity.accuracy).toBeUndefined();
  });

  it('says what is wrong', () => {
    const run = (...args: string[]) => onlite(['quantize', ...args]);
    expect(run(digits('mlp.onnx'), outputFile()).stderr).toContain('--data');
    const bits = run(digits('mlp.onnx'), outputFile(), ...samples, '--bits', '4');
    expect([bits.status, bits.stderr]).toEqual([2, expect.stringContaining('weight-only')]);
    const none = run(path.join(folder, 'none.onnx'), outputFile(), ...samples);
    expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('none.onnx')]);
    const missing = run(digits('mlp.onnx'), outputFile(), '--data', path.join(folder, 'none.npz'));
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('none.npz')]);
  });

  it('judges where the result goes before it reads samples', () => {
    const [model, link] = [outputFile(), outputFile()];
    copyFileSync(digits('mlp.onnx'), model);
    linkSync(model, link);
    for (const command of [['quantize'], ['prune', '--sparsity', '0.5']]) {
      const [name = '', ...options] = command;
      const { status, stderr } = onlite([name, model, link, '--data', 'none.npz', ...options]);
      expect([status, stderr]).toEqual([1, expect.stringContaining('it is the input')]);
    }
  });

  it('does not read a file to its end that can be no model', () => {
    const file = outputFile();
    writeFileSync(file, '');
    // A hole, which takes no room on the disk.
    truncateSync(file, 40 * 2 ** 30);
    for (const command of [
      ['quantize', ...samples],
      ['optimize'],
      ['prune', '--sparsity', '0.5'],
    ]) {
      const [name = '', ...options] = command;
      const { status, stderr } = onlite([name, file, outputFile(), ...options]);
      expect([status, stderr]).toEqual([1, expect.stringContaining('2 GiB in one file')]);
    }
    truncateSync(file, 2 ** 30);
    const { status, stderr } = onlite(['quantize', file, outputFile(), ...samples]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('not an ONNX model')]);
  });

  it.skipIf(process.platform === 'win32')('does not blame an argument for a full disk', () => {
    const args = ['quantize', digits('mlp.onnx'), outputFile(), ...samples, '--method', 'dynamic'];
    const script = 'trap "" XFSZ; ulimit -f 40; exec "$@"';
    const main = path.join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
    const words = [process.execPath, main, ...args, '--no-speed'];
    const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...words], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/ERR_OUT_OF_MEMORY.*cannot write/);
  });
});
