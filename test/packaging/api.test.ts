import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from '../integration/support';

/** A copy of the package, whose declarations the tests change. */
let copy = '';

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'onlite-api-'));
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
});
afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

function change(file: string, from: RegExp, to: string) {
  const path = join(copy, 'dist', file);
  const text = readFileSync(path, 'utf8');
  expect(text).toMatch(from);
  writeFileSync(path, text.replace(from, to));
}

function check() {
  const args = [join(root, 'scripts/check-api.mjs'), '--package', copy];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

describe('the check of the public API', () => {
  it('accepts other comments and private members', () => {
    change('engine/tensor/tensor.d.ts', /\/\*\*/, '/** Not what it was. */ /**');
    change('engine/tensor/tensor.d.ts', /export declare class Tensor<.*\{/, '$& private secret;');
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  it('fails with the difference when names or types change', () => {
    change('index.d.ts', /configureAddon/, 'configureAddon as setAddon');
    // Not exported itself: the names of the phases of a run.
    change('engine/latency/latency.d.ts', /"fetch"/, '"deliver"');
    const { status, stdout, stderr } = check();
    expect(status).toBe(1);
    expect(stdout).toContain('+export { configureAddon as setAddon };');
    expect(stdout).toMatch(/^-export declare const phases: .*'fetch', 'total'\];$/m);
    expect(stdout).toMatch(/^\+export declare const phases: .*'deliver', 'total'\];$/m);
    expect(stderr).toMatch(
      /not as in test\/api\/onlite.api.md[\s\S]*npm run check:api -- --accept/,
    );
  });
});
