import type { KeyObject } from 'node:crypto';
import { types } from 'node:util';

import { OnliteError, describe, invalidArgument } from './errors';
import { isError } from './realms';

/**
 * The key of an encrypted model: 32 bytes as they are, as a secret KeyObject, or as hexadecimal or
 * base64 text.
 */
export type ModelKey = Uint8Array | KeyObject | string;

/** A key, or what gives the one that a model's header names; undefined where it names none. */
export type ModelKeySource =
  ModelKey | ((keyId: string | undefined) => ModelKey | PromiseLike<ModelKey>);

export const KEY_BYTES = 32;
const EXPECTED = `a key of ${KEY_BYTES} bytes, as they are, as hexadecimal digits or base64`;

const HEX = /^[0-9a-f]{64}$/i;
/** Of either alphabet (RFC 4648), with its padding or without. */
const BASE64 = /^[\w+/-]{43}=?$/;

/**
 * A copy of a key's bytes, to be overwritten after use. What is no key is not quoted in the error.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function keyBytes(key: unknown, path: string): Buffer {
  if (typeof key === 'string') {
    const text = key.trim();
    if (HEX.test(text)) return Buffer.from(text, 'hex');
    if (BASE64.test(text)) return Buffer.from(text, 'base64');
    throw wrongKey(path, `text of ${text.length} characters`);
  }
  if (types.isKeyObject(key)) {
    if (key.type !== 'secret') throw wrongKey(path, `a ${key.type} key`);
    return checkLength(key.export(), path);
  }
  if (ArrayBuffer.isView(key)) {
    return checkLength(Buffer.from(Buffer.from(key.buffer, key.byteOffset, key.byteLength)), path);
  }
  throw wrongKey(path, describe(key));
}

function checkLength(bytes: Buffer, path: string): Buffer {
  if (bytes.byteLength === KEY_BYTES) return bytes;
  bytes.fill(0);
  throw wrongKey(path, `${bytes.byteLength} bytes`);
}

function wrongKey(path: string, got: string): OnliteError {
  return new OnliteError('ERR_INVALID_ARGUMENT', `${path}: expected ${EXPECTED}, got ${got}`);
}

/**
 * The key in what a file or a program gives: 32 bytes, or text that is one.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function keyOfContent(content: Buffer, path: string): Buffer {
  if (content.byteLength === KEY_BYTES) return Buffer.from(content);
  return keyBytes(content.toString('latin1'), path);
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for what is neither a key nor a function. */
export function checkKeySource(value: unknown, path: string): ModelKeySource | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'function') return value as ModelKeySource;
  const bytes = keyBytes(value, path);
  bytes.fill(0);
  return value as ModelKey;
}

/**
 * A copy of the key's bytes that a source gives for a model, to be overwritten after use.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is no key; ERR_MODEL_UNREADABLE, with the cause,
 *   where the function fails
 */
export async function keyFor(
  source: ModelKeySource,
  keyId: string | undefined,
  path: string,
): Promise<Buffer> {
  if (typeof source !== 'function') return keyBytes(source, path);
  let key: unknown;
  try {
    key = await source(keyId);
  } catch (cause) {
    if (cause instanceof OnliteError) throw cause;
    const reason = isError(cause) ? cause.message : String(cause);
    const what = keyId === undefined ? 'no key' : `no key '${keyId}'`;
    throw new OnliteError('ERR_MODEL_UNREADABLE', `${path}: ${what}: ${reason}`, { cause });
  }
  return keyBytes(key, `${path}()`);
}

/** A key's name in a model's header: 1 to 255 bytes of UTF-8 that can be printed. */
export function checkKeyId(value: unknown, path: string): string | undefined {
  if (value === undefined) return undefined;
  const isText = typeof value === 'string' && !/[\p{Cc}\p{Cs}]/u.test(value);
  if (isText && value !== '' && Buffer.byteLength(value) <= 255) return value;
  throw invalidArgument(path, '1 to 255 bytes of text without control characters', value);
}
