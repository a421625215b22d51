import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { model, onlite, onliteJson } from './cli-support';

const manifest = path.join(import.meta.dirname, '..', '..', 'package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

describe('onlite', () => {
  it('prints its version', () => {
    expect(onlite(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it.each(['info', 'run', 'doctor'])('describes %s', (command) => {
    const { status, stdout } = onlite([command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: onlite ${command}`);
    expect(stdout).toContain('--json');
    expect(onlite(['--help']).stdout).toContain(`  ${command} `);
  });

  it.each([
    [[]],
    [['frobnicate']],
    [['info']],
    [['info', '--frobnicate', 'x']],
    [['info', 'a', 'b']],
    [['run', model('add4.onnx'), '--runs', '0']],
    [['doctor', 'x']],
  ])('refuses %j with the usage and exit code 2', (args) => {
    const { status, stdout, stderr } = onlite(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('Usage: onlite');
  });

  it('reports errors as JSON too', () => {
    const { status, stdout, stderr } = onlite(['info', 'none.onnx', '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ERR_MODEL_NOT_FOUND' } });
    expect(stderr).toContain('ERR_MODEL_NOT_FOUND');
    expect(stderr).not.toContain('    at ');
    expect(onlite(['info', 'none.onnx'], { ONLITE_DEBUG: '1' }).stderr).toContain('    at ');
  });

  it.each([
    ['optimize', model('add4.onnx'), 'models:/sum@champion'],
    ['encrypt', 'models:/sum/1', 'models:/sum/1', '--key-env', 'KEY'],
    ['sign', 'models:/sum/1', '--key', 'owner.pem'],
  ])('writes nothing into what it keeps of a registry: %s', (...args) => {
    const { status, stderr } = onlite(args);
    expect(status).toBe(2);
    expect(stderr).toContain('expected a file that can be written, got');
  });

  it('says once why a file cannot be read', () => {
    const { stderr } = onlite(['info', 'none.onnx']);
    expect(stderr.match(/ENOENT/g)).toHaveLength(1);
  });

  it('names the input that a model does not have', () => {
    for (const [file, source] of [
      ['mlp.onnx', 'wrong=zeros'],
      ['mlp.onnx', 'wrong=none.npy'],
      ['add4.onnx', 'wrong=zeros'],
    ] as const) {
      const { status, stderr } = onlite(['run', model(file), '--input', source]);
      expect(status).toBe(1);
      expect(stderr).toContain("no input is called 'wrong'; the model has");
    }
  });

  it('uses no colours in a pipe', () => {
    expect(onlite(['info', model('add4.onnx')]).stdout).not.toContain('\u001b');
  });
});

describe('onlite doctor', () => {
  interface Doctor {
    machine: { node: string; cpu: { int8: { kind: string } } };
    onlite: { runtimes: Record<'onnxruntime' | 'tflite', { loaded: boolean; version: string }> };
    problems: { severity: string; remedy: string }[];
  }

  it('finds both runtimes', () => {
    const { machine, onlite: info, problems } = onliteJson(['doctor']) as Doctor;
    expect(machine.node).toBe(process.versions.node);
    expect(onlite(['doctor']).stdout).toMatch(new RegExp(`int8 +${machine.cpu.int8.kind}`));
    expect(info.runtimes.onnxruntime.loaded).toBe(true);
    expect(info.runtimes.tflite.loaded).toBe(true);
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('says what is wrong with a library that it was pointed to', () => {
    const { stdout } = onlite(['doctor', '--json'], { ONLITE_ORT_PATH: '/none/libonnxruntime.so' });
    expect(stdout).toContain('/none/libonnxruntime.so');
    const { problems } = JSON.parse(stdout) as Doctor;
    expect(problems.some(({ remedy }) => remedy.includes('ONLITE_ORT_PATH'))).toBe(true);
  });
});
