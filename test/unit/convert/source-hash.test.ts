import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { sourceHash } from '../../../lib/convert/source-hash';

const folder = mkdtempSync(join(tmpdir(), 'onlite-source-hash-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

it("is a folder's own, whether its parts are there or links to elsewhere", async () => {
  const model = join(folder, 'model');
  mkdirSync(join(model, 'variables'), { recursive: true });
  writeFileSync(join(model, 'saved_model.pb'), 'graph');
  writeFileSync(join(model, 'variables', 'data'), 'weights');
  const lines = `${sha256('graph')}  saved_model.pb\n${sha256('weights')}  variables/data\n`;
  expect(await sourceHash(model)).toBe(sha256(lines));

  const linked = join(folder, 'linked');
  mkdirSync(linked);
  // A junction needs no rights on Windows, where a file's link does.
  symlinkSync(join(model, 'variables'), join(linked, 'variables'), 'junction');
  writeFileSync(join(linked, 'saved_model.pb'), 'graph');
  expect(await sourceHash(linked)).toBe(sha256(lines));
});

it('says what a folder has that cannot be read', async () => {
  const circular = join(folder, 'circular');
  mkdirSync(circular);
  symlinkSync(circular, join(circular, 'again'), 'junction');
  await expect(sourceHash(circular)).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_/),
  });
});
