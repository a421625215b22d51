import { createReadStream } from 'node:fs';

import { throwIfAborted } from '../abort';
import { checkOptions, checkString } from '../checks';
import {
  decrypted,
  encrypted,
  isEncrypted,
  isEncryptedFile,
  withDecryptedChunks,
} from '../encrypted-model';
import { OnliteError, invalidArgument } from '../errors';
import { firstBytes, replaceFiles, unreadable } from '../files';
import { onnxFileChunks, openOnnxFile, readOnnxStructure, walkModel } from '../formats/onnx';
import {
  checkKeyId,
  checkKeySource,
  keyBytes,
  type ModelKey,
  type ModelKeySource,
} from '../model-key';
import { isAbortSignal, isError } from '../realms';

/** How a model is encrypted. */
export interface EncryptOptions {
  readonly key: ModelKey;
  /** What the file says that its key is called: 1 to 255 bytes of text. Not secret. */
  readonly keyId?: string;
  /** Ends it early; nothing is left of the target then. */
  readonly signal?: AbortSignal;
}

export interface DecryptOptions {
  /** The key, or a function that is given the name which the file has for it. */
  readonly key: ModelKeySource;
  /** Ends it early; nothing is left of the target then. */
  readonly signal?: AbortSignal;
}

const encryptKeys: ReadonlySet<string> = new Set<keyof EncryptOptions>(['key', 'keyId', 'signal']);
const decryptKeys: ReadonlySet<string> = new Set<keyof DecryptOptions>(['key', 'signal']);
const keyPath = 'options.key';

/** What is read of a file at a time. */
const READ_BYTES = 2 ** 20;

function checkEncrypt(value: unknown): {
  key: Buffer;
  keyId: string | undefined;
  signal: AbortSignal | undefined;
} {
  const { key, keyId, signal } = checkOptions(value, 'options', encryptKeys);
  const name = checkKeyId(keyId, 'options.keyId');
  return { signal: checkSignal(signal), key: keyBytes(key, keyPath), keyId: name };
}

function checkDecrypt(value: unknown): { key: ModelKeySource; signal: AbortSignal | undefined } {
  const options = checkOptions(value, 'options', decryptKeys);
  const key = checkKeySource(options['key'], keyPath);
  if (key === undefined) throw invalidArgument(keyPath, 'a key, or a function', key);
  return { key, signal: checkSignal(options['signal']) };
}

function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || isAbortSignal(value)) return value;
  throw invalidArgument('options.signal', 'an AbortSignal', value);
}

/** The chunks, until the signal fires. @throws OnliteError ERR_CANCELLED, ERR_TIMEOUT */
async function* until(
  signal: AbortSignal | undefined,
  what: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal, what);
  for await (const chunk of chunks) {
    throwIfAborted(signal, what);
    yield chunk;
  }
}

function checkBytes(value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array || ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  throw invalidArgument(path, 'a Uint8Array', value);
}

/** Whether a file is an ONNX model that has weights in other files. */
function hasExternalData(path: string): boolean {
  let found = false;
  try {
    walkModel(readOnnxStructure(path), {
      tensor: ({ dataLocation }) => {
        found ||= dataLocation === 1;
      },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODEL_INVALID') throw error;
  }
  return found;
}

/** What is in a file, piece by piece. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) {
      yield piece as Buffer;
    }
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  }
}

/**
 * Encrypts a file with AES-256-GCM, as `onlite encrypt` does, in memory that does not grow with it.
 * An ONNX model's external data is taken into the one file that comes of it. The target, which may be
 * the source, is replaced when all of it is written.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE; ERR_MODEL_INVALID for external data
 *   that does not fit the model; ERR_UNSUPPORTED where that makes it more than 2 GiB;
 *   ERR_INVALID_ARGUMENT for what is encrypted already, an option, or a target that cannot be written;
 *   ERR_CANCELLED, ERR_TIMEOUT, by the signal
 */
export async function encryptModel(
  source: string,
  target: string,
  options: EncryptOptions,
): Promise<void> {
  checkString(source, 'source');
  checkString(target, 'target');
  const { key, keyId, signal } = checkEncrypt(options);
  const write = (plain: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> => {
    const chunks = until(signal, 'encrypting', encrypted(plain, key, keyId));
    return replaceFiles([{ path: target, chunks }]);
  };
  try {
    await firstBytes(source, 0);
    if (await isEncryptedFile(source)) {
      throw new OnliteError('ERR_INVALID_ARGUMENT', `'${source}' is encrypted already`);
    }
    if (!hasExternalData(source)) {
      await write(contentOf(source));
      return;
    }
    const file = openOnnxFile(source);
    try {
      await write(wholeModel(file.model));
    } finally {
      file.close();
    }
  } finally {
    key.fill(0);
  }
}

function wholeModel(model: Parameters<typeof onnxFileChunks>[0]): Iterable<Uint8Array> {
  try {
    return onnxFileChunks(model);
  } catch (cause) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'model: more than 2 GiB with its external data, which one file cannot have: encrypt each file ' +
        'and give a session the data by decryptBytes and externalData',
      { cause },
    );
  }
}

/**
 * Writes what is in an encrypted file as plain text: `onlite decrypt`. A session does not need it, see
 * `decrypt` of its options. The target is there when all of it was found to be undamaged.
 *
 * @throws OnliteError ERR_MODEL_INVALID where the file is not encrypted, or not with this key, or is
 *   damaged; ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE; ERR_UNSUPPORTED for a later version of the
 *   format; ERR_INVALID_ARGUMENT; ERR_CANCELLED, ERR_TIMEOUT, by the signal
 */
export async function decryptModel(
  source: string,
  target: string,
  options: DecryptOptions,
): Promise<void> {
  checkString(source, 'source');
  checkString(target, 'target');
  const { key, signal } = checkDecrypt(options);
  await withDecryptedChunks(source, key, keyPath, (chunks) =>
    replaceFiles([{ path: target, chunks: until(signal, 'decrypting', chunks) }]),
  );
}

/** {@link encryptModel}, of bytes. @throws OnliteError ERR_INVALID_ARGUMENT */
export async function encryptBytes(
  bytes: Uint8Array,
  options: EncryptOptions,
): Promise<Uint8Array> {
  const plain = checkBytes(bytes, 'bytes');
  const { key, keyId, signal } = checkEncrypt(options);
  if (isEncrypted(plain)) {
    key.fill(0);
    throw new OnliteError('ERR_INVALID_ARGUMENT', 'bytes: encrypted already');
  }
  const pieces: Uint8Array[] = [];
  const chunks = until(signal, 'encrypting', encrypted([plain], key, keyId));
  for await (const piece of chunks) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** {@link decryptModel}, of bytes. @throws OnliteError as it does */
export async function decryptBytes(
  bytes: Uint8Array,
  options: DecryptOptions,
): Promise<Uint8Array> {
  const sealed = checkBytes(bytes, 'bytes');
  const { key, signal } = checkDecrypt(options);
  const plain = await decrypted(sealed, key, keyPath);
  if (signal?.aborted === true) plain.fill(0);
  throwIfAborted(signal, 'decrypting');
  return plain;
}
