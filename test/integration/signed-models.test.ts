import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { signModel, verifyModel } from 'onlite/security';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import { onlite, onliteJson } from './cli-support';
import { errorOf, expectError, root } from './support';

/** What PyPI's model-signing has written (test/fixtures/generate/signed.py). */
const signed = path.join(root, 'test/fixtures/model-signing');
const at = (name: string): string => path.join(signed, name);
const read = (name: string): string => readFileSync(at(name), 'utf8');

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-signed-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const pem = (key: KeyObject): string =>
  key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }) as string;
const keyFile = path.join(folder, 'key.pem');
const trustedFile = path.join(folder, 'key.pub');
writeFileSync(keyFile, pem(privateKey));
writeFileSync(trustedFile, pem(publicKey));

/** A copy that may be changed, anew for each test. */
const model = path.join(folder, 'model');
beforeEach(() => {
  rmSync(model, { recursive: true, force: true });
  cpSync(at('model'), model, { recursive: true });
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is read, and made wrong
type Json = any;

const payloadOf = (bundle: string): Json =>
  JSON.parse(Buffer.from(JSON.parse(bundle).dsseEnvelope.payload, 'base64').toString());

/** A file of a bundle that our key has signed, whatever it says. */
function forge(statement: object, change: (bundle: Json) => void = () => undefined): string {
  const payload = Buffer.from(JSON.stringify(statement));
  const type = 'application/vnd.in-toto+json';
  const head = Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `);
  const sig = sign('sha256', Buffer.concat([head, payload]), privateKey).toString('base64');
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: {}, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: type,
      signatures: [{ sig, keyid: '' }],
    },
  };
  change(bundle);
  const file = path.join(folder, 'forged.sig');
  writeFileSync(file, JSON.stringify(bundle));
  return file;
}

describe('a signature of model-signing', () => {
  it.each(['files-p256', 'files-p384', 'files-p521', 'shards', 'blake2', 'ignoring'])(
    'is verified: %s',
    async (name) => {
      const curve = /p\d+$/.exec(name)?.[0] ?? 'p256';
      const trustedKeys = ['p256', 'p384', 'p521'].map((key) => read(`${key}.pub`));
      const signature = at(`${name}.sig`);
      const verified = await verifyModel(model, { signature, trustedKeys });
      expect(verified.name).toBe('model');
      const { verificationMaterial } = JSON.parse(readFileSync(signature, 'utf8'));
      expect(verified.keyHint).toBe(verificationMaterial.publicKey.hint);
      const others = trustedKeys.filter((key) => key !== read(`${curve}.pub`));
      await expectError(
        () => verifyModel(model, { signature, trustedKeys: others }),
        'ERR_MODEL_INVALID',
        /^signature: by a key that is not trusted: [0-9a-f]{64}$/,
      );
      writeFileSync(path.join(model, 'model.onnx'), Buffer.alloc(100));
      await expectError(
        () => verifyModel(model, { signature, trustedKeys }),
        'ERR_MODEL_INVALID',
        /is not as signed: changed: model\.onnx/,
      );
    },
  );

  it('is verified of one file', async () => {
    const options = { signature: at('one-file.sig'), trustedKeys: [read('p256.pub')] };
    const { files } = await verifyModel(path.join(model, 'model.onnx'), options);
    expect(files.map(({ name }) => name)).toEqual(['.']);
    const other = path.join(model, 'sub-a.bin');
    await expectError(() => verifyModel(other, options), 'ERR_MODEL_INVALID', /changed: \.$/);
    await expectError(() => verifyModel(model, options), 'ERR_MODEL_INVALID', /missing: \./);
  });

  it('is of a hash that Node.js does not have', async () => {
    const options = { signature: at('blake3.sig'), trustedKeys: [read('p256.pub')] };
    await expectError(() => verifyModel(model, options), 'ERR_UNSUPPORTED', /hash_type/);
  });

  it('leaves out what belongs to git, and what it says itself', async () => {
    writeFileSync(path.join(model, '.gitignore'), 'x');
    mkdirSync(path.join(model, '.git'));
    writeFileSync(path.join(model, '.git/HEAD'), 'x');
    const trustedKeys = [read('p256.pub')];
    await verifyModel(model, { signature: at('files-p256.sig'), trustedKeys });
    writeFileSync(path.join(model, 'sub/new'), 'x');
    await verifyModel(model, { signature: at('ignoring.sig'), trustedKeys });
    const signature = at('files-p256.sig');
    const extra = /not signed: sub\/new$/;
    await expectError(
      () => verifyModel(model, { signature, trustedKeys }),
      'ERR_MODEL_INVALID',
      extra,
    );
    await verifyModel(model, { signature, trustedKeys, ignorePaths: ['sub/new'] });
  });

  it('says what ours says of the same model', async () => {
    const signature = path.join(folder, 'ours.sig');
    await signModel(at('model'), { key: privateKey, signature });
    const ours = payloadOf(readFileSync(signature, 'utf8'));
    const theirs = payloadOf(read('files-p256.sig'));
    for (const { predicate } of [ours, theirs]) predicate.serialization.ignore_paths.sort();
    expect(ours).toEqual(theirs);
  });
});

describe('a signed model', () => {
  const options = { trustedKeys: [publicKey] };

  it('is verified, wherever it and its signature are', async () => {
    for (const key of [privateKey, pem(privateKey), Buffer.from(pem(privateKey))]) {
      const { signature, files } = await signModel(model, { key });
      expect(signature).toBe(path.join(model, 'model.sig'));
      expect(files.map(({ name }) => name)).toEqual([
        '.hidden/c',
        'empty',
        'model.onnx',
        'sub/b.bin',
        'sub-a.bin',
      ]);
      expect((await verifyModel(model, options)).files).toEqual(files);
    }
    const moved = path.join(folder, 'moved');
    cpSync(model, moved, { recursive: true });
    expect((await verifyModel(moved, options)).name).toBe('model');
    const file = path.join(model, 'model.onnx');
    const { signature } = await signModel(file, { key: privateKey });
    expect(signature).toBe(`${file}.sig`);
    await verifyModel(file, { trustedKeys: [pem(publicKey), read('p256.pub')] });
  });

  it('may be no other', async () => {
    await signModel(model, { key: privateKey });
    writeFileSync(path.join(model, 'empty'), 'x');
    rmSync(path.join(model, 'sub/b.bin'));
    writeFileSync(path.join(model, 'sub/c.bin'), 'x');
    await expectError(
      () => verifyModel(model, options),
      'ERR_MODEL_INVALID',
      `'${model}' is not as signed: changed: empty; missing: sub/b.bin; not signed: sub/c.bin`,
    );
  });

  it.skipIf(process.platform === 'win32')(
    'has links only where they are allowed, and none to folders',
    async () => {
      symlinkSync('model.onnx', path.join(model, 'link'));
      const link = /link' is a symbolic link, which is followed where links are allowed$/;
      const key = privateKey;
      await expectError(() => signModel(model, { key }), 'ERR_UNSUPPORTED', link);
      await signModel(model, { key, allowSymlinks: true });
      await expectError(() => verifyModel(model, options), 'ERR_UNSUPPORTED', link);
      const { files } = await verifyModel(model, { ...options, allowSymlinks: true });
      expect(files.map(({ name }) => name)).toContain('link');
      symlinkSync('sub', path.join(model, 'folder'));
      await expectError(
        () => signModel(model, { key, allowSymlinks: true }),
        'ERR_UNSUPPORTED',
        /is a symbolic link to a folder$/,
      );
    },
  );

  it('is refused where the signature was changed', async () => {
    const { signature } = await signModel(model, { key: privateKey });
    const text = readFileSync(signature, 'utf8');
    const altered = (change: (bundle: Json) => void): Promise<unknown> => {
      const bundle = JSON.parse(text);
      change(bundle);
      writeFileSync(signature, JSON.stringify(bundle));
      return errorOf(() => verifyModel(model, options));
    };
    const flip = (base64: string, index: number): string => {
      const bytes = Buffer.from(base64, 'base64');
      bytes[index]! ^= 1;
      return bytes.toString('base64');
    };
    const envelope = JSON.parse(text).dsseEnvelope;
    const signatureBytes = Buffer.from(envelope.signatures[0].sig, 'base64').length;
    for (let index = 0; index < signatureBytes; index++) {
      const error = await altered(({ dsseEnvelope: { signatures } }) => {
        signatures[0].sig = flip(signatures[0].sig, index);
      });
      expect(error).toMatchObject({ code: 'ERR_MODEL_INVALID' });
    }
    const payloadBytes = Buffer.from(envelope.payload, 'base64').length;
    for (let index = 0; index < payloadBytes; index += 37) {
      const error = await altered(({ dsseEnvelope }) => {
        dsseEnvelope.payload = flip(dsseEnvelope.payload, index);
      });
      expect(error).toMatchObject({
        code: 'ERR_MODEL_INVALID',
        message: 'signature: not by a trusted key, or damaged',
      });
    }
    // Of a key that has no name any key that is trusted may be the one.
    writeFileSync(signature, text.replace(/"hint":"\w+"/, '"hint":""'));
    await verifyModel(model, options);
    for (const wrong of ['', '{', '[]', '{}', 'null', '{"mediaType":1}']) {
      writeFileSync(signature, wrong);
      await expectError(() => verifyModel(model, options), 'ERR_MODEL_INVALID', /^signature: /);
    }
  });

  it('is refused where a trusted key has signed what is no such statement', async () => {
    await signModel(model, { key: privateKey });
    const good = payloadOf(readFileSync(path.join(model, 'model.sig'), 'utf8'));
    await verifyModel(model, { ...options, signature: forge(good) });
    const invalid = 'ERR_MODEL_INVALID';
    const unsupported = 'ERR_UNSUPPORTED';
    const cases: [code: string, change: (statement: Json) => void][] = [
      [unsupported, (statement) => (statement._type = 'https://in-toto.io/Statement/v0.1')],
      [unsupported, (statement) => (statement.predicateType = 'https://slsa.dev/provenance/v1')],
      [unsupported, ({ predicate }) => (predicate.serialization.method = 'tensors')],
      [invalid, ({ subject }) => subject.push(subject[0])],
      [invalid, ({ subject }) => (subject[0].digest.sha256 = '0'.repeat(64))],
      [invalid, ({ predicate }) => (predicate.resources = [])],
      [invalid, ({ predicate }) => predicate.resources.pop()],
      [invalid, ({ predicate }) => predicate.resources.push(predicate.resources[0])],
      [invalid, ({ predicate }) => (predicate.resources[0].digest = 'xx')],
      [invalid, ({ predicate }) => delete predicate.serialization],
      [invalid, (statement) => delete statement.predicate],
    ];
    for (const [code, change] of cases) {
      const statement = structuredClone(good);
      change(statement);
      const signature = forge(statement);
      const error = await errorOf(() => verifyModel(model, { ...options, signature }));
      expect([String(change), error.code]).toEqual([String(change), code]);
      expect(error.message).toMatch(/^signature: /);
    }
    const certified = forge(good, (bundle) => {
      bundle.verificationMaterial = { x509CertificateChain: { certificates: [] } };
    });
    await expectError(
      () => verifyModel(model, { ...options, signature: certified }),
      unsupported,
      /by a certificate, not by a key/,
    );
  });

  it('wants keys that can sign and verify', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const code = 'ERR_INVALID_ARGUMENT';
    for (const key of [rsa.privateKey, k256.privateKey, publicKey, 'no key', 7, undefined]) {
      const wrong = /^options\.key: expected a/;
      await expectError(() => signModel(model, { key: key as never }), code, wrong);
    }
    for (const key of [rsa.publicKey, privateKey, pem(privateKey), 'no key']) {
      const wrong = /^options\.trustedKeys\[0\]: expected a/;
      await expectError(() => verifyModel(model, { trustedKeys: [key] }), code, wrong);
    }
    await expectError(() => verifyModel(model, { trustedKeys: [] }), code, /trustedKeys/);
    const cipher = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'p',
    } as const;
    const key = privateKey.export(cipher);
    await expectError(() => signModel(model, { key }), code, /^options\.key/);
    await signModel(model, { key, passphrase: 'p' });
    await verifyModel(model, options);
  });
});

describe('the command line', () => {
  it('signs and verifies', () => {
    const file = path.join(model, 'model.onnx');
    const { models } = onliteJson(['sign', file, model, '--key', keyFile]) as {
      models: { model: string; signature: string; keyHint: string }[];
    };
    expect(models.map(({ signature }) => signature)).toEqual([
      `${file}.sig`,
      path.join(model, 'model.sig'),
    ]);
    const trusted = ['--trusted-key', at('p256.pub'), '--trusted-key', trustedFile];
    const good = onliteJson(['verify', model, ...trusted]);
    expect(good).toMatchObject({ verified: true, changed: [], missing: [], extra: [] });
    expect(onlite(['verify', file, ...trusted]).stdout).toMatch(/^verified +/);
    writeFileSync(path.join(model, 'sub-a.bin'), 'x');
    const bad = onlite(['verify', model, ...trusted]);
    expect(bad.status).toBe(1);
    expect(bad.stdout).toMatch(/^not as signed [^]*^changed +sub-a\.bin$/m);
    const json = onlite(['verify', model, ...trusted, '--json']);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ verified: false, changed: ['sub-a.bin'] });
  });

  it('says what is wrong', () => {
    const cases: [args: string[], status: number, message: RegExp][] = [
      [['sign', model], 2, /--key is missing/],
      [['sign', '--key', keyFile], 2, /MODEL is missing/],
      [['sign', model, model, '--key', keyFile, '--signature', 's'], 2, /is for one model/],
      [['sign', model, '--key', trustedFile], 1, /options\.key: expected an EC key/],
      [['sign', path.join(model, 'none'), '--key', keyFile], 1, /ERR_MODEL_NOT_FOUND/],
      [['verify', model], 2, /--trusted-key is missing/],
      [['verify', model, '--trusted-key', trustedFile], 1, /ERR_MODEL_NOT_FOUND.*model\.sig/],
      [['verify', model, '--trusted-key', keyFile, '--signature', at('shards.sig')], 1, /EC key/],
      [
        ['verify', model, '--trusted-key', trustedFile, '--signature', at('shards.sig')],
        1,
        /by a key that is not trusted/,
      ],
    ];
    for (const [args, status, message] of cases) {
      const found = onlite(args);
      expect([args, found.status]).toEqual([args, status]);
      expect(found.stderr).toMatch(message);
    }
  });
});
