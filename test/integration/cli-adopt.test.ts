import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { root } from './support';
import { onlite, onliteJson } from './cli-support';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const spec = `npm:@onlite/onnxruntime-node@${version}`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-adopt-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');
const manifest = (): Record<string, unknown> => JSON.parse(read('package.json'));

/** A program's folder; returns its files by name. */
function program(files: Record<string, string>): Record<string, string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(file(name), text);
  return files;
}

const plain = '{\n  "name": "program",\n  "dependencies": {\n    "avr-vad": "^1.0.10"\n  }\n}\n';

describe('onlite adopt', () => {
  it.each([
    ['npm', {}, { overrides: { 'onnxruntime-node': spec } }],
    ['npm', { 'package-lock.json': '{}' }, { overrides: { 'onnxruntime-node': spec } }],
    ['yarn', { 'yarn.lock': '' }, { resolutions: { 'onnxruntime-node': spec } }],
    ['bun', { 'bun.lock': '' }, { overrides: { 'onnxruntime-node': spec } }],
  ])('writes the override of %s with %j, and takes it back', (manager, locks, override) => {
    const before = program({ 'package.json': plain, ...(locks as Record<string, string>) });
    expect(onliteJson(['adopt', folder])).toEqual({
      manager,
      changed: [file('package.json')],
      spec,
      next: `${manager} install`,
    });
    expect(manifest()).toEqual({ ...JSON.parse(plain), ...override });
    expect(onliteJson(['adopt', folder])).toMatchObject({ changed: [], next: null });
    onliteJson(['adopt', folder, '--undo']);
    for (const [name, text] of Object.entries(before)) expect(read(name)).toBe(text);
  });

  it('writes pnpm-workspace.yaml for pnpm, and removes it if it made it', () => {
    program({ 'package.json': plain, 'pnpm-lock.yaml': '' });
    onliteJson(['adopt', folder]);
    expect(read('pnpm-workspace.yaml')).toBe(`overrides:\n  onnxruntime-node: '${spec}'\n`);
    expect(read('package.json')).toBe(plain);
    onliteJson(['adopt', folder, '--undo']);
    expect(existsSync(file('pnpm-workspace.yaml'))).toBe(false);
  });

  it.each([
    'packages:\n  - a/*\n',
    'overrides:\n  foo: 1.0.0\npackages:\n  - a/*\n',
    '# a comment\npackages: [a]\noverrides:\n  foo: 1.0.0\n',
  ])('leaves the rest of pnpm-workspace.yaml as it is: %j', (yaml) => {
    program({ 'package.json': plain, 'pnpm-workspace.yaml': yaml });
    onliteJson(['adopt', folder, '--manager', 'pnpm']);
    expect(read('pnpm-workspace.yaml')).toContain(`overrides:\n  onnxruntime-node: '${spec}'\n`);
    for (const line of yaml.trimEnd().split('\n'))
      expect(read('pnpm-workspace.yaml')).toContain(line);
    onliteJson(['adopt', folder, '--undo']);
    expect(read('pnpm-workspace.yaml')).toBe(yaml);
  });

  it('writes package.json for a pnpm that reads overrides there', () => {
    program({ 'package.json': '{"packageManager":"pnpm@9.1.0"}' });
    onliteJson(['adopt', folder]);
    expect(manifest()).toMatchObject({ pnpm: { overrides: { 'onnxruntime-node': spec } } });
    onliteJson(['adopt', folder, '--undo']);
    expect(manifest()).toEqual({ packageManager: 'pnpm@9.1.0' });
  });

  it('keeps other overrides, and has a direct dependency follow', () => {
    const text = `${JSON.stringify(
      {
        dependencies: { 'onnxruntime-node': '^1.20.0' },
        overrides: { foo: '1' },
        onlite: { a: 1 },
      },
      null,
      '\t',
    )}\n`;
    program({ 'package.json': text });
    onliteJson(['adopt', folder]);
    expect(manifest()).toMatchObject({
      dependencies: { 'onnxruntime-node': spec },
      overrides: { foo: '1', 'onnxruntime-node': spec },
    });
    onliteJson(['adopt', folder]);
    onliteJson(['adopt', folder, '--undo']);
    expect(read('package.json')).toBe(text);
  });

  it('says what to do, and what is wrong', () => {
    program({ 'package.json': plain });
    const { status, stdout } = onlite(['adopt', folder]);
    expect(status).toBe(0);
    expect(stdout).toContain('Now run: npm install');
    expect(onlite(['adopt', folder, '--manager', 'cargo']).status).toBe(2);
    expect(onlite(['adopt', folder, 'x']).status).toBe(2);
    expect(onlite(['adopt', join(folder, 'nothing')]).status).toBe(1);
    writeFileSync(file('package.json'), 'no JSON');
    expect(onlite(['adopt', folder]).stderr).toContain('is no JSON');
  });
});

describe('@onlite/onnxruntime-node', () => {
  it('is of the version of onlite', () => {
    const own = JSON.parse(
      readFileSync(join(root, 'packages/onnxruntime-node/package.json'), 'utf8'),
    );
    expect(own).toMatchObject({ version, dependencies: { onlite: version } });
  });
});
