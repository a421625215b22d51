import {
  createDecipheriv,
  createSecretKey,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { decrypted, encrypted, isEncrypted } from '../../lib/encrypted-model';
import { checkKeyId, keyBytes, keyFor, keyOfContent } from '../../lib/model-key';
import { codeOf } from './support';

const CHUNK = 65_536;
const SEALED = CHUNK + 16;
const KEY = randomBytes(32);
const PATH = 'options.key';

function content(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 255;
  return bytes;
}

async function seal(pieces: readonly Uint8Array[], keyId?: string): Promise<Buffer> {
  const sealed: Uint8Array[] = [];
  for await (const piece of encrypted(pieces, Buffer.from(KEY), keyId)) sealed.push(piece);
  return Buffer.concat(sealed);
}

const open = (bytes: Uint8Array, key: Uint8Array | string = KEY): Promise<Uint8Array> =>
  decrypted(bytes, key, PATH);

/** What goes wrong with bytes: the error's code. */
const failureOf = async (bytes: Uint8Array, key?: Uint8Array): Promise<unknown> =>
  open(bytes, key).then(
    () => 'nothing',
    (error: unknown) => (error as { code?: unknown }).code,
  );

const headerBytes = (sealed: Uint8Array): number => 44 + sealed[9]! + 32;

/** By docs/security.md alone. */
function reference(sealed: Buffer): Buffer {
  const head = sealed.subarray(0, 44 + sealed[9]!);
  const info = Buffer.concat([Buffer.from('onlite encrypted model'), head]);
  const derived = Buffer.from(hkdfSync('sha256', KEY, sealed.subarray(12, 44), info, 64));
  expect(sealed.subarray(head.length, head.length + 32)).toEqual(derived.subarray(32));
  const plain: Buffer[] = [];
  let rest = sealed.subarray(head.length + 32);
  for (let index = 0; rest.length > 0; index++) {
    const chunk = rest.subarray(0, SEALED);
    rest = rest.subarray(SEALED);
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(index, 7);
    nonce[11] = rest.length === 0 ? 1 : 0;
    const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), nonce);
    decipher.setAuthTag(chunk.subarray(-16));
    plain.push(decipher.update(chunk.subarray(0, -16)), decipher.final());
  }
  return Buffer.concat(plain);
}

describe('an encrypted model', () => {
  it.each([0, 1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 9 * CHUNK + 7])(
    'of %d bytes is what it was',
    async (length) => {
      const plain = content(length);
      const pieces = [plain.subarray(0, 3), new Uint8Array(0), plain.subarray(3)];
      const sealed = await seal(pieces, 'key of 2026 · é');
      expect(isEncrypted(sealed)).toBe(true);
      const chunks = Math.max(1, Math.ceil(length / CHUNK));
      expect(sealed.length).toBe(headerBytes(sealed) + length + 16 * chunks);
      expect(Buffer.compare(await open(sealed), plain)).toBe(0);
      expect(Buffer.compare(reference(sealed), plain)).toBe(0);
    },
  );

  it('differs each time, in all but its first bytes', async () => {
    const [first, second] = [await seal([content(500)]), await seal([content(500)])];
    let same = 0;
    for (let at = 12; at < first.length; at++) if (first[at] === second[at]) same++;
    expect(same).toBeLessThan(30);
  });

  it('is refused where any bit of it is another', async () => {
    const sealed = await seal([content(40)], 'id');
    for (let at = 0; at < sealed.length; at++) {
      const other = Buffer.from(sealed);
      other[at]! ^= 1 << (at % 8);
      const expected = at === 8 ? 'ERR_UNSUPPORTED' : 'ERR_MODEL_INVALID';
      expect([at, await failureOf(other)]).toEqual([at, expected]);
    }
  });

  it('is refused where it is cut off or goes on', async () => {
    const small = await seal([content(40)]);
    for (let length = 0; length < small.length; length++) {
      const found = await failureOf(small.subarray(0, length));
      expect([length, found]).toEqual([length, 'ERR_MODEL_INVALID']);
    }
    const sealed = await seal([content(3 * CHUNK)]);
    const start = headerBytes(sealed);
    for (const length of [start, start + SEALED, start + 2 * SEALED, start + 2 * SEALED + 16]) {
      expect(await failureOf(sealed.subarray(0, length))).toBe('ERR_MODEL_INVALID');
    }
    for (const more of [1, 16, SEALED]) {
      const longer = Buffer.concat([sealed, randomBytes(more)]);
      expect(await failureOf(longer)).toBe('ERR_MODEL_INVALID');
    }
  });

  it('is refused where chunks or headers have changed places', async () => {
    const [one, two] = [await seal([content(3 * CHUNK)]), await seal([content(3 * CHUNK)])];
    const start = headerBytes(one);
    const head = (sealed: Buffer): Buffer => sealed.subarray(0, start);
    const chunk = (sealed: Buffer, index: number): Buffer =>
      sealed.subarray(start + index * SEALED, start + (index + 1) * SEALED);
    const parts = [head(one), chunk(one, 0), chunk(one, 1), chunk(one, 2)];
    expect(Buffer.concat(parts).equals(one)).toBe(true);
    const wrong: Buffer[][] = [
      [parts[0]!, parts[2]!, parts[1]!, parts[3]!],
      [parts[0]!, parts[1]!, parts[3]!, parts[2]!],
      [parts[0]!, parts[1]!, parts[1]!, parts[3]!],
      [parts[0]!, parts[1]!, parts[3]!],
      [parts[0]!, parts[3]!],
      [parts[0]!, parts[1]!, chunk(two, 1), parts[3]!],
      [head(two), parts[1]!, parts[2]!, parts[3]!],
    ];
    for (const each of wrong) {
      expect(await failureOf(Buffer.concat(each))).toBe('ERR_MODEL_INVALID');
    }
  });

  it('is refused with another key, which the error does not quote', async () => {
    const sealed = await seal([content(40)], 'prod');
    const other = randomBytes(32).toString('hex');
    const error = await open(sealed, other).catch((cause: unknown) => cause as Error);
    expect(error).toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message:
        "model: encrypted, and not with the key of options.key, whose name is 'prod', or its header is damaged",
    });
  });

  it('asks for the key by its name', async () => {
    const asked: unknown[] = [];
    const source = async (id: string | undefined): Promise<string> => {
      asked.push(id);
      return KEY.toString('base64url');
    };
    const plain = content(40);
    expect(await decrypted(await seal([plain], 'é1'), source, PATH)).toEqual(plain);
    expect(await decrypted(await seal([plain]), source, PATH)).toEqual(plain);
    expect(asked).toEqual(['é1', undefined]);
  });

  it('leaves no key and no content behind', async () => {
    const key = Buffer.from(KEY);
    const pieces = encrypted([content(CHUNK + 1)], key);
    await pieces.next();
    expect(key).toEqual(Buffer.alloc(32));
    await pieces.return();
  });

  it('may not be changed while it is read', async () => {
    const sealed = await seal([content(40 * CHUNK)]);
    const moved = new Uint8Array(sealed);
    const reading = failureOf(moved);
    structuredClone(moved.buffer, { transfer: [moved.buffer] });
    expect(await reading).toBe('ERR_MODEL_INVALID');
  });
});

describe('a key', () => {
  it('is 32 bytes in any of its forms', async () => {
    const padded = new Uint8Array([0, ...KEY, 0]);
    const forms = [
      KEY,
      new Uint8Array(KEY),
      padded.subarray(1, 33),
      new DataView(padded.buffer, 1, 32),
      createSecretKey(KEY),
      KEY.toString('hex'),
      `${KEY.toString('hex').toUpperCase()}\n`,
      KEY.toString('base64'),
      KEY.toString('base64url'),
    ];
    for (const form of forms) expect(keyBytes(form, PATH)).toEqual(KEY);
    for (const text of [KEY, Buffer.from(` ${KEY.toString('hex')}\r\n`)]) {
      expect(keyOfContent(text, PATH)).toEqual(KEY);
    }
    const copy = keyBytes(KEY, PATH);
    copy.fill(0);
    expect(keyBytes(KEY, PATH)).not.toEqual(copy);
  });

  it('is nothing else, and is not quoted', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const secret = 'correct horse battery staple';
    for (const wrong of [secret, '', KEY.subarray(1), publicKey, 7, null, undefined, {}, [KEY]]) {
      expect(codeOf(() => keyBytes(wrong, PATH))).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(() => keyBytes(secret, PATH)).toThrow(
      'options.key: expected a key of 32 bytes, as they are, as hexadecimal digits or base64, got text of 28 characters',
    );
  });

  it('may fail to come', async () => {
    const cause = new Error('the vault is sealed');
    const source = (): never => {
      throw cause;
    };
    await expect(keyFor(source, 'prod', PATH)).rejects.toMatchObject({
      code: 'ERR_MODEL_UNREADABLE',
      message: "options.key: no key 'prod': the vault is sealed",
      cause,
    });
    await expect(keyFor(() => 'short', undefined, PATH)).rejects.toThrow(/^options\.key\(\): /);
  });

  it('has a name that can be printed', () => {
    for (const name of ['a', 'k'.repeat(255), 'é 1']) expect(checkKeyId(name, PATH)).toBe(name);
    expect(checkKeyId(undefined, PATH)).toBe(undefined);
    for (const name of ['', 'k'.repeat(256), 'é'.repeat(128), 'a\n', '\ud800', 7, null]) {
      expect(codeOf(() => checkKeyId(name, PATH))).toBe('ERR_INVALID_ARGUMENT');
    }
  });
});
