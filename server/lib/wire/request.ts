import type { IncomingHttpHeaders } from 'node:http';

import type { Caller } from '../models';
import { memoryPool, releaseParts } from '../memory-pool';

/** A request's body, uncompressed, as its chunks came in. */
export class Body {
  readonly length: number;
  #chunks: readonly Uint8Array[];
  /** What parts were put together in. */
  readonly #memory: Buffer[] = [];
  readonly #own: readonly Uint8Array[];

  /**
   * @param memory - of the pool, which one of them is in
   * @param own - chunks that nobody else reads
   */
  constructor(chunks: readonly Uint8Array[], memory?: Buffer, own: readonly Uint8Array[] = []) {
    this.#chunks = chunks;
    this.#own = own;
    if (memory !== undefined) this.#memory.push(memory);
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    this.length = length;
  }

  /** All of it in one piece. */
  bytes(): Buffer {
    const [first, second] = this.#chunks;
    if (first === undefined) return Buffer.alloc(0);
    if (second === undefined) return asBuffer(first);
    const joined = this.#join(0, this.length);
    this.#chunks = [joined];
    return joined;
  }

  #join(start: number, end: number): Buffer {
    const memory = memoryPool.take(end - start);
    this.#memory.push(memory);
    const part = memory.subarray(0, end - start);
    this.copyTo(part, start);
    return part;
  }

  /** Nothing is read any more, neither here nor of what this has given. */
  release(): void {
    this.#chunks = [];
    releaseParts(this.#own);
    for (const memory of this.#memory.splice(0)) memoryPool.giveBack(memory);
  }

  /** A part in one piece, not copied where it lies in one chunk. */
  slice(start: number, end: number): Buffer {
    let position = 0;
    for (const chunk of this.#chunks) {
      const next = position + chunk.length;
      if (start < next) {
        if (end <= next) return asBuffer(chunk).subarray(start - position, end - position);
        break;
      }
      position = next;
    }
    return this.#join(start, end);
  }

  /** Copies from a position on as many bytes as the target has. */
  copyTo(target: Uint8Array, start: number): void {
    let position = 0;
    let done = 0;
    for (const chunk of this.#chunks) {
      const from = start + done - position;
      if (from < chunk.length) {
        const count = Math.min(chunk.length - from, target.length - done);
        target.set(count === chunk.length ? chunk : chunk.subarray(from, from + count), done);
        done += count;
        if (done === target.length) return;
      }
      position += chunk.length;
    }
    if (done < target.length) throw new RangeError('a body has no such part');
  }
}

/** A header as one string, whichever case its name is written in. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A request's parameter as what a canary is decided by: the same text for a number as for its digits. */
export const keyText = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : undefined;

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What a protocol is given of a request. */
export interface WireRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** What the route's pattern found in the path, percent-decoded. */
  readonly names: Readonly<Record<string, string | undefined>>;
  /** There until the handler returns, be it a promise. */
  readonly body: Body;
  /** Who waits for the answer. */
  readonly caller: Caller;
  /** What the client reaches this server by, such as `http://localhost:8501`. */
  origin(): string;
  /** Whether its caller may do with a model what it does: lists leave others out. */
  allows(model: string): boolean;
  /** Tells what a change was asked for to be, for the log of changes. */
  note(parameters: object): void;
}

/** A part of an answer's body. */
export type AnswerPart = string | Uint8Array;

/** What a protocol answers. */
export interface WireAnswer {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AnswerPart | readonly AnswerPart[];
  /** The body is a string whose characters are bytes: with the headers it is written at once. */
  readonly isLatin1?: boolean;
  /** Ends the use of the memory that the body's bytes are in: they were sent, or never will be. */
  readonly release?: () => void;
}

/** The parts of a body. */
export const partsOf = (body: WireAnswer['body']): readonly AnswerPart[] =>
  typeof body === 'string' || body instanceof Uint8Array ? [body] : body;

/** Bytes of a body. */
export function lengthOf(body: WireAnswer['body']): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  let length = 0;
  for (const part of partsOf(body)) {
    length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  }
  return length;
}

export const JSON_TYPE = 'application/json';

export const jsonAnswer = (value: unknown, status = 200): WireAnswer => ({
  status,
  type: JSON_TYPE,
  body: JSON.stringify(value),
});
