import { OnliteError, invalidArgument } from '../../errors';
import { native, type NativeHistogram } from '../addon/native';

/*
 * The outer shell of HdrHistogram's V2 compressed encoding: a cookie, the length
 * of what follows, the encoded counts under zlib, big endian, all in base64. The
 * inner one is native/core/hdr_encoding.cc's.
 */
const cookieBase = 0x1c84_9304;
const wordSizeBits = 0xf0;
const headerBytes = 8;

/** The longest of encodings: a header and 9 bytes for each of the 2^22 counts there may be. */
const maxInflatedBytes = 40 + 9 * 2 ** 22;

/** Padding is optional. Node's own decoder takes anything. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

export function encodeHdr(counts: Uint8Array): string {
  const compressed = zlib().deflateSync(counts);
  const bytes = Buffer.alloc(headerBytes + compressed.length);
  bytes.writeUInt32BE(cookieBase | 0x10, 0);
  bytes.writeUInt32BE(compressed.length, 4);
  compressed.copy(bytes, headerBytes);
  return bytes.toString('base64');
}

/**
 * @throws OnliteError ERR_INVALID_ARGUMENT for anything that is no such encoding,
 *   and for more than 2^22 counts or 2^53 samples.
 */
export function decodeHdr(text: unknown): NativeHistogram {
  if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
  const trimmed = text.trim();
  const bytes = base64.test(trimmed) ? Buffer.from(trimmed, 'base64') : Buffer.alloc(0);
  if (bytes.length < headerBytes || !isCookie(bytes.readUInt32BE(0))) {
    throw invalidArgument('text', 'an HdrHistogram in V2 compressed encoding, in base64', text);
  }
  const end = headerBytes + bytes.readUInt32BE(4);
  if (end > bytes.length) throw invalidArgument('text', 'an encoding that is not cut off', text);
  return native().decodeHistogram(inflate(bytes.subarray(headerBytes, end)));
}

function isCookie(cookie: number): boolean {
  // To unsigned: the operators give signed numbers.
  return (cookie & ~wordSizeBits) >>> 0 === cookieBase;
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return zlib().inflateSync(bytes, { maxOutputLength: maxInflatedBytes });
  } catch (cause) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', 'text: its compressed part cannot be inflated', {
      cause,
    });
  }
}

/** Loaded when it is needed: it takes half a millisecond of the package's start. */
function zlib(): typeof import('node:zlib') {
  return require('node:zlib') as typeof import('node:zlib');
}
