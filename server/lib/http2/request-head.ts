import type { HpackDecoder } from './hpack-decoder';

/** What the fields of a request may come to, as HTTP/2 counts them. */
export const MAX_FIELD_BYTES = 16 << 10;

/** What a request's header fields say. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** All but those that begin with a colon. Of one that comes more than once the values, with commas between. */
  readonly fields: ReadonlyMap<string, string>;
  /** Bytes of the body, if it was said. */
  readonly contentLength: number | undefined;
  /** They are more than {@link MAX_FIELD_BYTES}: the last ones are missing. */
  readonly isTooLarge: boolean;
}

const REQUIRED = [':method', ':scheme', ':path'];
const PSEUDO: ReadonlySet<string> = new Set([...REQUIRED, ':authority']);

/** Those that are of a connection, which HTTP/2 has none of. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const CONTROL = /[\0\r\n]/;

/**
 * Reads the block that a request begins with, or, as `trailers`, the one that it may end with.
 *
 * @returns what is wrong with it (RFC 9113, 8.2 and 8.3) where it is no proper one
 * @throws ConnectionError for what is no block
 */
export function readHead(
  decoder: HpackDecoder,
  block: Buffer,
  isTrailers = false,
): RequestHead | string {
  const pseudo = new Map<string, string>();
  const fields = new Map<string, string>();
  let wrong: string | undefined;
  let size = 0;
  decoder.decode(block, (name, value) => {
    size += name.length + value.length + 32;
    if (size > MAX_FIELD_BYTES || wrong !== undefined) return;
    if (name.startsWith(':')) {
      if (isTrailers) wrong = `${name} among the trailers`;
      else if (!PSEUDO.has(name)) wrong = `there is no ${name}`;
      else if (pseudo.has(name)) wrong = `${name} is there twice`;
      else if (fields.size > 0) wrong = `${name} after other fields`;
      pseudo.set(name, value);
      return;
    }
    if (!NAME.test(name) || CONTROL.test(value)) wrong = 'a field has no proper name or value';
    else if (FORBIDDEN.has(name)) wrong = `'${name}' is of connections`;
    else if (name === 'te' && value !== 'trailers') wrong = 'te can only be trailers';
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before},${value}`);
  });
  const isTooLarge = size > MAX_FIELD_BYTES;
  if (wrong !== undefined) return wrong;
  const missing = REQUIRED.find((name) => !pseudo.has(name));
  if (!isTrailers && missing !== undefined && !isTooLarge) return `${missing} is missing`;
  const path = pseudo.get(':path') ?? '';
  if (!isTrailers && path === '' && !isTooLarge) return ':path is empty';
  const length = fields.get('content-length');
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return 'content-length is no number';
  const contentLength = length === undefined ? undefined : Number(length);
  return { method: pseudo.get(':method') ?? '', path, fields, contentLength, isTooLarge };
}
