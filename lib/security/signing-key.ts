import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { types } from 'node:util';

import { OnliteError, invalidArgument } from '../errors';

/** A private key on the curve P-256, P-384 or P-521: a KeyObject, or PEM. */
export type PrivateKey = KeyObject | string | Uint8Array;

/** The public key of one: a KeyObject, or PEM. */
export type PublicKey = KeyObject | string | Uint8Array;

/** The hash that sigstore has for a curve. */
const HASHES: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

const expected = 'an EC key on P-256, P-384 or P-521, as PEM or a KeyObject';

/** The hash that is signed with a key. @throws OnliteError ERR_INVALID_ARGUMENT for other keys. */
export function hashFor(key: KeyObject, path: string): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const curve = asymmetricKeyDetails?.namedCurve;
  const hash = curve === undefined ? undefined : HASHES[curve];
  if (asymmetricKeyType === 'ec' && hash !== undefined) return hash;
  const got = curve ?? asymmetricKeyType ?? key.type;
  throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: expected ${expected}, got ${got}`);
}

function keyOf(
  value: unknown,
  path: string,
  type: 'private' | 'public',
  parse: (pem: string | Buffer) => KeyObject,
): KeyObject {
  let key: KeyObject;
  if (types.isKeyObject(value)) key = value;
  else if (typeof value === 'string' || ArrayBuffer.isView(value)) {
    const pem =
      typeof value === 'string'
        ? value
        : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    try {
      key = parse(pem);
    } catch (cause) {
      // Without the cause's own words where the key is private.
      throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: expected ${expected}`, {
        ...(type === 'public' ? { cause } : {}),
      });
    }
  } else throw invalidArgument(path, expected, value);
  if (key.type !== type) throw invalidArgument(path, `a ${type} key`, `a ${key.type} key`);
  hashFor(key, path);
  return key;
}

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function privateKeyOf(value: unknown, passphrase: string | undefined): KeyObject {
  return keyOf(value, 'options.key', 'private', (key) =>
    createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) }),
  );
}

const PRIVATE = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function publicKeyOf(value: unknown, path: string): KeyObject {
  return keyOf(value, path, 'public', (pem) => {
    // Node would make the public key of it, and nobody would see a private one lie about.
    if (PRIVATE.test(typeof pem === 'string' ? pem : pem.toString('latin1')))
      throw new Error('this is a private key');
    return createPublicKey(pem);
  });
}

/** What a bundle calls a key: the hash of the public key's PEM. */
export function keyHint(key: KeyObject): string {
  const own = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(own.export({ type: 'spki', format: 'pem' }))
    .digest('hex');
}
