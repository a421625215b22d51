import { promisify } from 'node:util';
import { createGunzip, createInflate, deflate, gzip } from 'node:zlib';

import { RequestError, badRequest } from './errors';
import { Gathering } from './gathering';
import type { Body } from './request';

/** Compressions of HTTP that both sides may use. `deflate` is zlib's format, as RFC 9110 has it. */
export const ENCODINGS = ['gzip', 'deflate'] as const;

export type Encoding = (typeof ENCODINGS)[number];

/** What a request's Content-Encoding says; undefined for none. @throws RequestError 415 for others */
export function requestEncoding(header: string | undefined): Encoding | undefined {
  const name = header?.trim().toLowerCase();
  if (name === undefined || name === '' || name === 'identity') return undefined;
  if (name === 'x-gzip') return 'gzip';
  if (name === 'gzip' || name === 'deflate') return name;
  throw new RequestError(415, `Content-Encoding: expected gzip or deflate, got '${header}'`, {
    'Accept-Encoding': ENCODINGS.join(', '),
  });
}

/** Room for what bodies unpack to. */
export interface Room {
  /** Whether there is some for so many bytes in all. */
  tryGrow(bytes: number): boolean;
  /** For so many bytes in all, once there is some. @throws if that takes too long */
  wait(bytes: number): Promise<void>;
}

/**
 * What was compressed.
 *
 * @throws RequestError 400 for bytes that are damaged, cut off or followed by others; 413 for more than
 *   `maxBytes` of what they hold
 */
export async function decompress(
  bytes: Buffer,
  encoding: Encoding,
  maxBytes: number,
  room?: Room,
): Promise<Body> {
  if (unpacking < MOST_UNPACKING) unpacking++;
  else await new Promise<void>((begin) => waiting.push(begin));
  try {
    return await unpack(bytes, encoding, maxBytes, room);
  } finally {
    const begin = waiting.shift();
    if (begin === undefined) unpacking--;
    else begin();
  }
}

/** So many at once: a thousandth of what they unpack to is what clients have to send. */
const MOST_UNPACKING = 4;
let unpacking = 0;
const waiting: (() => void)[] = [];

/** What gzip says at its end, be it wrong. */
const expectedBytes = (bytes: Buffer, encoding: Encoding): number =>
  encoding === 'gzip' && bytes.length >= 18 ? bytes.readUInt32LE(bytes.length - 4) : 0;

const LEAST_CHUNK = 16 << 10;
const MOST_CHUNK = 1 << 20;

function unpack(
  bytes: Buffer,
  encoding: Encoding,
  maxBytes: number,
  room: Room | undefined,
): Promise<Body> {
  const chunkSize = Math.min(Math.max(bytes.length * 4, LEAST_CHUNK), MOST_CHUNK);
  const unpacker = encoding === 'gzip' ? createGunzip({ chunkSize }) : createInflate({ chunkSize });
  return new Promise((resolve, reject) => {
    const parts = new Gathering(Math.min(expectedBytes(bytes, encoding), maxBytes));
    const fail = (error: Error): void => {
      parts.discard();
      unpacker.destroy();
      reject(error);
    };
    unpacker.on('data', (chunk: Buffer) => {
      parts.add(chunk);
      if (parts.length > maxBytes) {
        fail(new RequestError(413, `the body has more than ${maxBytes} bytes when it is unpacked`));
        return;
      }
      const held = bytes.length + parts.length;
      if (room === undefined || room.tryGrow(held)) return;
      unpacker.pause();
      room.wait(held).then(() => unpacker.resume(), fail);
    });
    unpacker.on('end', () => {
      if (unpacker.bytesWritten === bytes.length) resolve(parts.body());
      else fail(badRequest('', `the body goes on after its ${encoding} data`));
    });
    unpacker.on('error', ({ message }) =>
      fail(badRequest('', `the body is not whole ${encoding} data: ${message}`)),
    );
    unpacker.end(bytes);
  });
}

/** The compression that a client likes best, of those it names; undefined for none. RFC 9110, 12.5.3 */
export function answerEncoding(header: string | undefined): Encoding | undefined {
  if (header === undefined || header === '') return undefined;
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    weights.set(name === 'x-gzip' ? 'gzip' : name, q === undefined ? 1 : Number(q) || 0);
  }
  const weight = (name: string) => weights.get(name) ?? 0;
  const best = weight('deflate') > weight('gzip') ? 'deflate' : 'gzip';
  return weight(best) > 0 && weight(best) >= weight('identity') ? best : undefined;
}

const encoders = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** The fastest of zlib's levels: numbers hardly become smaller by more. */
const LEVEL = 1;

export const compress = (bytes: Buffer, encoding: Encoding): Promise<Buffer> =>
  encoders[encoding](bytes, { level: LEVEL });
