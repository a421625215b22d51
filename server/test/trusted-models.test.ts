import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createServer, type VersionStatus } from '@onlite/server';
import { encryptModel, signModel } from 'onlite/security';
import { afterAll, describe, expect, it } from 'vitest';

import { call, fixture, post } from './support';

const folder = mkdtempSync(join(tmpdir(), 'onlite-trusted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newKeys = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return { key: privateKey, trusted: publicKey.export({ type: 'spki', format: 'pem' }) };
};
const own = newKeys();
const stranger = newKeys();

/** A version's folder, as it is before it is signed. */
function version(
  base: string,
  name: string,
  number: string,
  file = 'identity_float32.onnx',
): string {
  const to = join(base, name, number);
  mkdirSync(to, { recursive: true });
  copyFileSync(fixture(file), join(to, file.endsWith('.onnx') ? 'model.onnx' : 'model.tflite'));
  return to;
}

const isDecided = ({ state }: VersionStatus) => state === 'AVAILABLE' || state === 'END';

describe('models that a trusted key must have signed', () => {
  it('are served, and others are not', async () => {
    const base = join(folder, 'repository');
    await signModel(version(base, 'signed', '1'), { key: own.key });
    await signModel(version(base, 'lite', '1', 'add4.tflite'), { key: own.key });
    version(base, 'unsigned', '1');
    await signModel(version(base, 'strangers', '1'), { key: stranger.key });
    const changed = version(base, 'changed', '1');
    await signModel(changed, { key: own.key });
    copyFileSync(fixture('add4.onnx'), join(changed, 'model.onnx'));
    const added = version(base, 'added', '1');
    await signModel(added, { key: own.key });
    writeFileSync(join(added, 'more.bin'), 'x');

    const server = createServer({ trustedKeys: [own.trusted] });
    try {
      await server.addFolder(base, { pollMs: 100 });
      const decided = () => server.models.all().filter(isDecided).length;
      await expect.poll(decided, { timeout: 20_000 }).toBe(6);
      const states = server.models.all().map(({ name, state, reason }) => [name, state, reason]);
      expect(Object.fromEntries(states.map(([name, state]) => [name, state]))).toEqual({
        added: 'END',
        changed: 'END',
        lite: 'AVAILABLE',
        signed: 'AVAILABLE',
        strangers: 'END',
        unsigned: 'END',
      });
      const reasons = Object.fromEntries(states.map(([name, , reason]) => [name, reason]));
      expect(reasons.unsigned).toContain('sig');
      expect(reasons.strangers).toMatch(/trusted|key/);
      expect(reasons.changed).toContain('model.onnx');
      expect(reasons.added).toContain('more.bin');
      const { port } = await server.listen(0);
      const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] };
      expect((await call(port, '/v2/models/signed/infer', post(body))).status).toBe(200);
      expect((await call(port, '/v2/models/unsigned/infer', post(body))).status).toBe(503);
    } finally {
      await server.close();
    }
  });

  it('may be one file, with its signature beside it', async () => {
    const file = join(folder, 'alone.onnx');
    copyFileSync(fixture('add4.onnx'), file);
    const server = createServer({ trustedKeys: [stranger.trusted, own.trusted] });
    try {
      const source = { name: 'alone', version: '1', file };
      await expect(server.load(source)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
      await signModel(file, { key: own.key });
      await server.load(source);
      expect(server.models.isReady).toBe(true);
    } finally {
      await server.close();
    }
  });

  it('bring their external data, which is signed, too', async () => {
    const to = join(folder, 'external');
    mkdirSync(to, { recursive: true });
    copyFileSync(fixture('external.onnx'), join(to, 'model.onnx'));
    copyFileSync(fixture('external.bin'), join(to, 'external.bin'));
    await signModel(to, { key: own.key });
    const server = createServer({ trustedKeys: [own.trusted] });
    try {
      await server.load({ name: 'external', version: '1', file: join(to, 'model.onnx') });
      expect(server.models.isReady).toBe(true);
    } finally {
      await server.close();
    }
  });

  it('may be encrypted', async () => {
    const to = version(join(folder, 'encrypted'), 'secret', '1');
    const key = randomBytes(32);
    await encryptModel(fixture('identity_float32.onnx'), join(to, 'model.onnx'), { key });
    await signModel(to, { key: own.key });
    const server = createServer({ trustedKeys: [own.trusted] });
    try {
      const source = { name: 'secret', version: '1', file: join(to, 'model.onnx') };
      await expect(server.load(source)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      await server.load({ ...source, session: { decrypt: key } });
      expect(server.models.isReady).toBe(true);
    } finally {
      await server.close();
    }
  });
});
