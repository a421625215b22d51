import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate, type InputType, type ZlibOptions } from 'node:zlib';

import { RequestError, badRequest } from './errors';

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

/** What zlib makes known of itself when it is asked for `info`. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

type InflateWithInfo = (
  bytes: InputType,
  options: ZlibOptions,
  done: (error: Error | null, result: Inflated) => void,
) => void;

const decoders: Readonly<Record<Encoding, InflateWithInfo>> = {
  gzip: gunzip as unknown as InflateWithInfo,
  deflate: inflate as unknown as InflateWithInfo,
};

/**
 * @throws RequestError 400 for bytes that are damaged, cut off or followed by others; 413 for more than
 *   `maxBytes` of what they hold
 */
export async function decompress(
  bytes: Buffer,
  encoding: Encoding,
  maxBytes: number,
): Promise<Buffer> {
  if (unpacking < MOST_UNPACKING) unpacking++;
  else await new Promise<void>((begin) => waiting.push(begin));
  try {
    return await unpack(bytes, encoding, maxBytes);
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

async function unpack(bytes: Buffer, encoding: Encoding, maxBytes: number): Promise<Buffer> {
  const options = { info: true, maxOutputLength: maxBytes };
  const result = await new Promise<Inflated>((resolve, reject) => {
    decoders[encoding](bytes, options, (error, inflated) => {
      if (error === null) resolve(inflated);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        reject(
          new RequestError(413, `the body has more than ${maxBytes} bytes when it is unpacked`),
        );
      } else reject(badRequest('', `the body is not whole ${encoding} data: ${error.message}`));
    });
  });
  if (result.engine.bytesWritten === bytes.length) return result.buffer;
  throw badRequest('', `the body goes on after its ${encoding} data`);
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
