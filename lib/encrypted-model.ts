import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { OnliteError } from './errors';
import { firstBytes, unreadable } from './files';
import { keyFor, KEY_BYTES, type ModelKeySource } from './model-key';
import { isError } from './realms';

/*
 * The format, which docs/security.md describes for other readers: a header, and the content in chunks
 * that AES-256-GCM encrypts by STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the
 * chunk's number and whether it is the last. The file's own key comes of the user's, a random salt
 * and the header by HKDF (RFC 5869), so no header and no chunk goes with another file's.
 */
const MAGIC = Buffer.from('894f4e4c54454e43', 'hex');
const MAGIC_BYTES = MAGIC.byteLength;
const VERSION = 1;
const SALT_AT = 12;
const SALT_BYTES = 32;
const KEY_ID_AT = SALT_AT + SALT_BYTES;
/** Says that a key is the right one, and that the file opens with no other. */
const COMMITMENT_BYTES = 32;
const INFO = Buffer.from('onlite encrypted model');

const CHUNK_BYTES = 2 ** 16;
const TAG_BYTES = 16;
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;
const ALGORITHM = 'aes-256-gcm';
const MOST_HEADER = KEY_ID_AT + 255 + COMMITMENT_BYTES;

/** What one thread decrypts between two turns of the event loop, in well below a millisecond. */
const CHUNKS_A_TURN = 8;
const MOST_IN_MEMORY = 2 ** 31 - 1;

/** Whether these are the first bytes of an encrypted model. */
export function isEncrypted(bytes: Uint8Array): boolean {
  return bytes.byteLength >= MAGIC_BYTES && MAGIC.equals(bytes.subarray(0, MAGIC_BYTES));
}

/** @throws OnliteError ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE */
export async function isEncryptedFile(path: string): Promise<boolean> {
  return isEncrypted(await firstBytes(path, MAGIC_BYTES));
}

/** @returns the key of the file, and what its header says to have it */
function derive(key: Uint8Array, salt: Uint8Array, head: Uint8Array): [Buffer, Buffer] {
  const info = Buffer.concat([INFO, head]);
  const derived = Buffer.from(hkdfSync('sha256', key, salt, info, KEY_BYTES + COMMITMENT_BYTES));
  return [derived.subarray(0, KEY_BYTES), derived.subarray(KEY_BYTES)];
}

function nonce(index: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(index, 5, 6);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

function seal(key: Buffer, index: number, isLast: boolean, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce(index, isLast));
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Encrypts what comes in pieces of any size. The key is overwritten at the end.
 *
 * @param key - 32 bytes
 */
export async function* encrypted(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  key: Buffer,
  keyId = '',
): AsyncGenerator<Uint8Array, void, undefined> {
  const salt = randomBytes(SALT_BYTES);
  const name = Buffer.from(keyId);
  const head = Buffer.concat([MAGIC, Buffer.from([VERSION, name.byteLength, 0, 0]), salt, name]);
  const [fileKey, commitment] = derive(key, salt, head);
  key.fill(0);
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let filled = 0;
  let index = 0;
  try {
    yield Buffer.concat([head, commitment]);
    for await (const piece of pieces) {
      for (let at = 0; at < piece.byteLength;) {
        if (filled === CHUNK_BYTES) {
          yield seal(fileKey, index++, false, chunk);
          filled = 0;
        }
        const part = piece.subarray(at, at + CHUNK_BYTES - filled);
        chunk.set(part, filled);
        filled += part.byteLength;
        at += part.byteLength;
      }
    }
    yield seal(fileKey, index, true, chunk.subarray(0, filled));
  } finally {
    fileKey.fill(0);
    chunk.fill(0);
  }
}

/** Encrypted bytes, wherever they are. */
interface Sealed {
  readonly byteLength: number;
  /** A copy of a range. @throws OnliteError ERR_MODEL_INVALID where there are no longer so many. */
  read(at: number, length: number): Promise<Buffer>;
}

const damaged = (what: string): OnliteError =>
  new OnliteError('ERR_MODEL_INVALID', `model: encrypted, and ${what}`);

const changed = 'changed while it was read';

function sealedBytes(bytes: Uint8Array): Sealed {
  const { byteLength } = bytes;
  return {
    byteLength,
    async read(at, length) {
      if (at > 0 && Math.floor(at / SEALED_BYTES) % CHUNKS_A_TURN === 0) await nextTurn();
      if (bytes.byteLength !== byteLength) throw damaged(changed);
      return Buffer.from(bytes.subarray(at, at + length));
    },
  };
}

/** Opens a file for as long as it is used. */
async function withSealedFile<Result>(
  path: string,
  use: (file: Sealed) => Promise<Result>,
): Promise<Result> {
  const fail = (cause: unknown): never => {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  };
  // To open a pipe would wait for somebody who writes to it.
  await firstBytes(path, 0);
  const file = await open(path).catch(fail);
  try {
    const { size } = await file.stat().catch(fail);
    return await use({
      byteLength: size,
      async read(at, length) {
        const buffer = Buffer.alloc(length);
        for (let done = 0; done < length;) {
          const left = length - done;
          const { bytesRead } = await file.read(buffer, done, left, at + done).catch(fail);
          if (bytesRead === 0) throw damaged(changed);
          done += bytesRead;
        }
        return buffer;
      },
    });
  } finally {
    await file.close();
  }
}

interface Header {
  readonly keyId: string | undefined;
  readonly salt: Buffer;
  /** What the key is derived from beside the salt. */
  readonly head: Buffer;
  readonly commitment: Buffer;
  readonly byteLength: number;
}

/** @throws OnliteError ERR_MODEL_INVALID, ERR_UNSUPPORTED for a version that is not known. */
async function readHeader(sealed: Sealed): Promise<Header> {
  const bytes = await sealed.read(0, Math.min(sealed.byteLength, MOST_HEADER));
  if (!isEncrypted(bytes)) {
    throw new OnliteError(
      'ERR_MODEL_INVALID',
      'model: expected an encrypted one, as a key was given for it',
    );
  }
  const version = bytes[MAGIC_BYTES];
  if (version !== undefined && version !== VERSION) {
    const what = `model: encrypted in version ${version} of the format, known is ${VERSION}`;
    throw new OnliteError('ERR_UNSUPPORTED', what);
  }
  const headBytes = KEY_ID_AT + (bytes[MAGIC_BYTES + 1] ?? 0);
  const byteLength = headBytes + COMMITMENT_BYTES;
  if (bytes.byteLength < byteLength) throw damaged('cut off');
  const keyId = bytes.toString('utf8', KEY_ID_AT, headBytes);
  return {
    keyId: keyId === '' ? undefined : keyId,
    salt: bytes.subarray(SALT_AT, KEY_ID_AT),
    head: bytes.subarray(0, headBytes),
    commitment: bytes.subarray(headBytes, byteLength),
    byteLength,
  };
}

/** An encrypted model whose key was found to be the right one. */
class Opened {
  readonly #sealed: Sealed;
  readonly #key: Buffer;
  readonly #at: number;
  readonly #chunks: number;

  constructor(sealed: Sealed, key: Buffer, at: number) {
    this.#sealed = sealed;
    this.#key = key;
    this.#at = at;
    const length = sealed.byteLength - at;
    this.#chunks = Math.ceil(length / SEALED_BYTES);
    const last = length - (this.#chunks - 1) * SEALED_BYTES;
    // Only what is empty has an empty chunk.
    if (length < TAG_BYTES || last < TAG_BYTES || (last === TAG_BYTES && this.#chunks > 1)) {
      this.close();
      throw damaged('cut off');
    }
  }

  /** Of what is in it. */
  get byteLength(): number {
    return this.#sealed.byteLength - this.#at - this.#chunks * TAG_BYTES;
  }

  close(): void {
    this.#key.fill(0);
  }

  /** Each chunk is overwritten when the next is asked for. */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (let index = 0; index < this.#chunks; index++) {
      const at = this.#at + index * SEALED_BYTES;
      const length = Math.min(SEALED_BYTES, this.#sealed.byteLength - at);
      const plain = this.#open(index, await this.#sealed.read(at, length));
      try {
        yield plain;
      } finally {
        plain.fill(0);
      }
    }
  }

  #open(index: number, chunk: Buffer): Buffer {
    const isLast = index === this.#chunks - 1;
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    const end = chunk.byteLength - TAG_BYTES;
    decipher.setAuthTag(chunk.subarray(end));
    const plain = decipher.update(chunk.subarray(0, end));
    try {
      decipher.final();
      return plain;
    } catch {
      plain.fill(0);
      throw damaged(`damaged, cut off or put together anew: chunk ${index} of ${this.#chunks}`);
    }
  }
}

async function openSealed(sealed: Sealed, source: ModelKeySource, path: string): Promise<Opened> {
  const header = await readHeader(sealed);
  const key = await keyFor(source, header.keyId, path);
  const [fileKey, commitment] = derive(key, header.salt, header.head);
  key.fill(0);
  if (!timingSafeEqual(commitment, header.commitment)) {
    fileKey.fill(0);
    const name = header.keyId === undefined ? '' : `, whose name is '${header.keyId}'`;
    throw damaged(`not with the key of ${path}${name}, or its header is damaged`);
  }
  return new Opened(sealed, fileKey, header.byteLength);
}

async function inMemory(sealed: Sealed, source: ModelKeySource, path: string): Promise<Uint8Array> {
  const opened = await openSealed(sealed, source, path);
  try {
    if (opened.byteLength > MOST_IN_MEMORY) {
      const what = `model: encrypted, of ${opened.byteLength} bytes: expected 2 GiB at most`;
      throw new OnliteError('ERR_UNSUPPORTED', what);
    }
    const bytes = new Uint8Array(opened.byteLength);
    let done = 0;
    try {
      for await (const chunk of opened.chunks()) {
        bytes.set(chunk, done);
        done += chunk.byteLength;
      }
      return bytes;
    } catch (error) {
      bytes.fill(0);
      throw error;
    }
  } finally {
    opened.close();
  }
}

/**
 * The content of an encrypted model, from a file or memory. All of it is authenticated before any of it
 * is given.
 *
 * @param path - what the key is called in errors
 * @throws OnliteError ERR_MODEL_INVALID where it is not encrypted, or not with this key, or damaged;
 *   ERR_UNSUPPORTED for later versions of the format; ERR_MODEL_NOT_FOUND; ERR_MODEL_UNREADABLE
 */
export async function decrypted(
  model: string | Uint8Array,
  source: ModelKeySource,
  path: string,
): Promise<Uint8Array> {
  if (typeof model !== 'string') return inMemory(sealedBytes(model), source, path);
  return withSealedFile(model, (file) => inMemory(file, source, path));
}

/**
 * {@link decrypted}, in chunks that are overwritten when the next is asked for: what uses them must undo
 * it when this fails.
 */
export async function withDecryptedChunks(
  model: string,
  source: ModelKeySource,
  path: string,
  use: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  await withSealedFile(model, async (file) => {
    const opened = await openSealed(file, source, path);
    try {
      await use(opened.chunks());
    } finally {
      opened.close();
    }
  });
}

/** The error of an encrypted model that no key was given for. */
export function keyMissing(path: string): OnliteError {
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `${path}: expected the model's key, or what gives it: the model is encrypted`,
  );
}
