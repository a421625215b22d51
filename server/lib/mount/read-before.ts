import { IncomingMessage } from 'node:http';

import { OnliteError } from 'onlite';

/** What a host's body parser leaves on a request. */
interface ParsedRequest extends IncomingMessage {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/**
 * A request whose body is still to be read: itself, or where the host has read it already, one like it that
 * has the bytes which the host's body parser has left: `rawBody`, or a `body` of bytes, of text, or of what
 * was read from JSON. It is taken for unpacked, as body parsers leave it.
 *
 * @throws OnliteError ERR_UNSUPPORTED, with a `status` of 415 or 500 as Express knows it, if the body
 *   is gone
 */
export function unreadRequest(request: IncomingMessage): IncomingMessage {
  if (!request.readableDidRead && !request.readableEnded) return request;
  const bytes = bytesOf(request);
  const copy = new IncomingMessage(request.socket);
  const { 'content-encoding': _, 'transfer-encoding': __, ...headers } = request.headers;
  copy.headers = { ...headers, 'content-length': String(bytes.length) };
  copy.rawHeaders = request.rawHeaders;
  copy.httpVersion = request.httpVersion;
  copy.httpVersionMajor = request.httpVersionMajor;
  copy.httpVersionMinor = request.httpVersionMinor;
  if (request.method !== undefined) copy.method = request.method;
  if (request.url !== undefined) copy.url = request.url;
  copy.complete = true;
  copy.push(bytes);
  copy.push(null);
  return copy;
}

function bytesOf(request: ParsedRequest): Buffer {
  const { rawBody, body } = request;
  const left = rawBody instanceof Uint8Array || typeof rawBody === 'string' ? rawBody : body;
  if (left instanceof Uint8Array) return Buffer.from(left.buffer, left.byteOffset, left.length);
  if (typeof left === 'string') return Buffer.from(left);
  if (left === undefined) {
    if (request.headers['content-length'] === '0') return Buffer.alloc(0);
    throw gone(500, 'the body was read before, and is neither in request.body nor in rawBody');
  }
  if (/^(application\/x-www-form-urlencoded|multipart\/)/i.test(typeOf(request))) {
    throw gone(415, `a body parser has read the body as a form, because of its Content-Type`);
  }
  return Buffer.from(printed(left, 0));
}

const typeOf = ({ headers }: IncomingMessage): string => headers['content-type'] ?? '';

const gone = (status: number, what: string): OnliteError =>
  Object.assign(
    new OnliteError('ERR_UNSUPPORTED', `${what}: mount the models before the body parsers`),
    { status },
  );

/** Where the protocols' readers have given up already. */
const MOST_DEPTH = 200;

/**
 * JSON that reads back as the same value, whichever type reads it. Integers of 2⁵³ and more have perhaps
 * been rounded when they were read, so they are written with an exponent: a float, which it is, may be it,
 * and no integer, which would be a wrong one.
 */
function printed(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'number':
      return printedNumber(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return value === null || depth > MOST_DEPTH ? 'null' : printedMembers(value, depth + 1);
    default:
      return 'null';
  }
}

function printedMembers(value: object, depth: number): string {
  if (Array.isArray(value)) return `[${value.map((one) => printed(one, depth)).join(',')}]`;
  const fields = Object.entries(value).map(
    ([key, one]) => `${JSON.stringify(key)}:${printed(one, depth)}`,
  );
  return `{${fields.join(',')}}`;
}

function printedNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : `${value}`;
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded ? value.toExponential() : String(value);
}
