import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { OnliteError } from './errors';
import { firstBytes, unreadable } from './files';
import { isError } from './realms';

/** How a model's file may be compressed: as gzip or zstd writes it. */
export type Compression = 'gz' | 'zst';

export const COMPRESSIONS = ['gz', 'zst'] as const satisfies readonly Compression[];

/** What a file begins with: gzip of deflate (RFC 1952), and a Zstandard frame (RFC 8878). */
const MAGICS: Readonly<Record<Compression, readonly number[]>> = {
  gz: [0x1f, 0x8b, 0x08],
  zst: [0x28, 0xb5, 0x2f, 0xfd],
};
const MAGIC_BYTES = 4;

/**
 * What a compressed model may become: so many times what it was and so many bytes more. Weights of
 * which nine of ten are zero, and of 16 values, come to less than 30 times; a bomb to 1000 times.
 */
const MOST_TIMES = 200;
const MORE_BYTES = 64 * 2 ** 20;
const MOST_BYTES = 2 ** 31 - 1;

const CHUNK = 2 ** 18;
const GZIP_LEVEL = 9;
const ZSTD_LEVEL = 19;
/** ZSTD_c_compressionLevel of zstd.h. */
const ZSTD_COMPRESSION_LEVEL = 100;

type Convert = (bytes: Uint8Array, options: object) => Promise<Buffer>;

/** Of Node 22.15 and later, which this version's types do not know. */
interface Zstd {
  readonly zstdCompress?: Parameters<typeof promisify>[0];
  readonly zstdDecompress?: Parameters<typeof promisify>[0];
}

/** Loaded when it is needed: it takes half a millisecond of the package's start. */
function zlib(): typeof import('node:zlib') {
  return require('node:zlib') as typeof import('node:zlib');
}

const gzip: Convert = (bytes, options) => promisify(zlib().gzip)(bytes, options);
const gunzip: Convert = (bytes, options) => promisify(zlib().gunzip)(bytes, options);

function zstd(name: keyof Zstd): Convert {
  const found = (zlib() as Zstd)[name];
  if (found) return promisify(found) as Convert;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `zstd needs Node 22.15 or later, this is ${process.version}: gzip is understood everywhere`,
  );
}

/** How bytes are compressed, by the first of them; undefined where they are not. */
export function compressionOf(bytes: Uint8Array): Compression | undefined {
  return COMPRESSIONS.find((name) => MAGICS[name].every((byte, index) => bytes[index] === byte));
}

/** @throws OnliteError ERR_UNSUPPORTED where this version of Node cannot compress so. */
export function requireCompression(compression: Compression): void {
  if (compression === 'zst') zstd('zstdCompress');
}

/** Compresses as well as can be, beside the JavaScript thread. */
export function compress(bytes: Uint8Array, compression: Compression): Promise<Buffer> {
  return compression === 'gz'
    ? gzip(bytes, { level: GZIP_LEVEL, chunkSize: CHUNK })
    : zstd('zstdCompress')(bytes, {
        chunkSize: CHUNK,
        params: { [ZSTD_COMPRESSION_LEVEL]: ZSTD_LEVEL },
      });
}

/**
 * Decompresses a model, beside the JavaScript thread; its bytes may change meanwhile.
 *
 * @throws OnliteError ERR_MODEL_INVALID where they are damaged or cut off, or become more than a
 *   model would, ERR_UNSUPPORTED for zstd where Node has none
 */
export async function decompressed(
  bytes: Uint8Array,
  compression: Compression,
): Promise<Uint8Array> {
  const convert = compression === 'gz' ? gunzip : zstd('zstdDecompress');
  const most = Math.min(MOST_BYTES, MORE_BYTES + MOST_TIMES * bytes.byteLength);
  try {
    // A copy: to be detached while another thread reads would be worse than a wrong result.
    return await convert(Uint8Array.from(bytes), { maxOutputLength: most, chunkSize: CHUNK });
  } catch (cause) {
    throw new OnliteError('ERR_MODEL_INVALID', `model: ${faultOf(cause, compression, most)}`, {
      cause,
    });
  }
}

function faultOf(cause: unknown, compression: Compression, most: number): string {
  const { code } = cause as { code?: unknown };
  const name = compression === 'gz' ? 'gzip' : 'zstd';
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return `compressed with ${name} to become more than ${most} bytes: unpack it first, if that is right`;
  }
  if (code === 'Z_BUF_ERROR') return `compressed with ${name}, and cut off`;
  const reason = isError(cause) ? cause.message : String(cause);
  return `compressed with ${name}, and damaged: ${reason}`;
}

/** {@link decompressed}, of bytes that may not be compressed: they are themselves then. */
export async function unpacked(bytes: Uint8Array): Promise<Uint8Array> {
  const compression = compressionOf(bytes);
  return compression === undefined ? bytes : decompressed(bytes, compression);
}

/**
 * The model in a compressed file; undefined where it is not compressed.
 *
 * @throws OnliteError as {@link decompressed}, ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE
 */
export async function unpackedFile(path: string): Promise<Uint8Array | undefined> {
  const compression = compressionOf(await firstBytes(path, MAGIC_BYTES));
  if (compression === undefined) return undefined;
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unreadable(`cannot read '${path}'`, cause);
  });
  return decompressed(bytes, compression);
}
