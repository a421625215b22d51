import { badRequest, type RequestError } from '../errors';
import { Letter, isSpace } from './letters';
import { endOfNumber } from './number-token';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** Where a value is in the document: bytes from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** What it is called in errors. */
  readonly path: string;
}

const NESTING = 'nested more than';

/** What is gone through one by one: two bytes are a value, and what is made of it is far more. */
const MAX_VALUES = 1 << 21;

/**
 * Reads JSON from bytes in the order that it is written in, without building what nobody asked for.
 * The one who reads says what is expected, so that an error names the path of what is wrong. `NaN`,
 * `Infinity` and `-Infinity` are numbers, as in Triton and TensorFlow Serving. Beyond `maxDepth`
 * values within each other the document is refused.
 */
export class JsonReader {
  readonly bytes: Buffer;
  position: number;
  readonly end: number;
  readonly #maxDepth: number;
  #depth = 0;
  #left = MAX_VALUES;
  readonly #path: (string | number)[] = [];
  readonly #base: string;

  constructor(
    bytes: Buffer,
    options: { readonly span?: Span | undefined; readonly maxDepth?: number } = {},
  ) {
    this.bytes = bytes;
    this.position = options.span?.start ?? 0;
    this.end = options.span?.end ?? bytes.length;
    this.#base = options.span?.path ?? '';
    this.#maxDepth = options.maxDepth ?? 100;
  }

  /** How many more values may be within each other here. */
  get depthLeft(): number {
    return this.#maxDepth - this.#depth;
  }

  /** Where it is, such as `inputs[0].shape`. */
  get path(): string {
    let path = this.#base;
    for (const part of this.#path) {
      if (typeof part === 'number') path += `[${part}]`;
      else path += path === '' ? part : `.${part}`;
    }
    return path;
  }

  /** The error of a value that is not what was expected. */
  fail(expected: string, position = this.position): RequestError {
    return badRequest(this.path, `expected ${expected}, got ${this.#describe(position)}`);
  }

  #describe(position: number): string {
    if (position >= this.end) return 'the end of the JSON';
    const text = this.bytes.toString('utf8', position, Math.min(position + 24, this.end));
    const [shown = ''] = text.split('\n', 1);
    return `${JSON.stringify(shown)} at byte ${position}`;
  }

  /** The first byte of what comes next, after white space; -1 at the end. */
  next(): number {
    const { bytes, end } = this;
    let { position } = this;
    while (position < end && isSpace(bytes[position] ?? 0)) position++;
    this.position = position;
    return position < end ? (bytes[position] ?? -1) : -1;
  }

  /** What the next value is; undefined if it is none. */
  kind(): JsonKind | undefined {
    switch (this.next()) {
      case Letter.openBrace:
        return 'object';
      case Letter.openBracket:
        return 'array';
      case Letter.quote:
        return 'string';
      case Letter.t:
      case Letter.f:
        return 'boolean';
      case Letter.n:
        return 'null';
      case Letter.minus:
      case Letter.N:
      case Letter.I:
        return 'number';
      default: {
        const letter = this.bytes[this.position] ?? 0;
        const isDigit = letter >= Letter.zero && letter <= Letter.nine;
        return isDigit && this.position < this.end ? 'number' : undefined;
      }
    }
  }

  /** Reads an object; `read` has to read or skip the value of each key. */
  object(read: (key: string) => void): void {
    if (this.next() !== Letter.openBrace) throw this.fail('an object');
    this.#enter();
    this.position++;
    if (this.next() === Letter.closeBrace) this.position++;
    else {
      for (;;) {
        if (this.next() !== Letter.quote) throw this.fail('a key');
        const key = this.string();
        if (this.next() !== Letter.colon) throw this.fail("':'");
        this.position++;
        this.#count();
        this.#path.push(key);
        read(key);
        this.#path.pop();
        const letter = this.next();
        this.position++;
        if (letter === Letter.closeBrace) break;
        if (letter !== Letter.comma) throw this.fail("',' or '}'", this.position - 1);
      }
    }
    this.#depth--;
  }

  /** Reads an array; `read` has to read or skip each element. */
  array(read: (index: number) => void): void {
    if (this.next() !== Letter.openBracket) throw this.fail('an array');
    this.#enter();
    this.position++;
    if (this.next() === Letter.closeBracket) this.position++;
    else {
      for (let index = 0; ; index++) {
        this.#count();
        this.#path.push(index);
        read(index);
        this.#path.pop();
        const letter = this.next();
        this.position++;
        if (letter === Letter.closeBracket) break;
        if (letter !== Letter.comma) throw this.fail("',' or ']'", this.position - 1);
      }
    }
    this.#depth--;
  }

  #count(): void {
    if (this.#left-- > 0) return;
    throw badRequest(this.path.slice(0, 80), `more than ${MAX_VALUES} values in lists and objects`);
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) {
      throw badRequest(this.path.slice(0, 80), `${NESTING} ${this.#maxDepth} values deep`);
    }
  }

  string(): string {
    if (this.next() !== Letter.quote) throw this.fail('a string');
    const start = this.position;
    const end = this.#endOfString(start);
    this.position = end;
    return this.#textOf(start, end);
  }

  #textOf(start: number, end: number): string {
    const { bytes } = this;
    let isPlain = true;
    for (let index = start + 1; index < end - 1; index++) {
      const letter = bytes[index] ?? 0;
      if (letter === Letter.backslash || letter < 0x20 || letter > 0x7e) {
        isPlain = false;
        break;
      }
    }
    if (isPlain) return bytes.toString('latin1', start + 1, end - 1);
    const text = bytes.toString('utf8', start, end);
    if (text.includes('\ufffd') && Buffer.compare(Buffer.from(text), bytes.subarray(start, end))) {
      throw this.fail('a string of UTF-8', start);
    }
    try {
      return JSON.parse(text) as string;
    } catch {
      throw this.fail('a string without unescaped control characters or wrong escapes', start);
    }
  }

  /** After the closing quote. */
  #endOfString(start: number): number {
    const { bytes, end } = this;
    for (let from = start + 1; ;) {
      const quote = bytes.indexOf(Letter.quote, from);
      if (quote < 0 || quote >= end) throw this.fail('a string that ends', start);
      let backslashes = 0;
      while (bytes[quote - 1 - backslashes] === Letter.backslash) backslashes++;
      if (backslashes % 2 === 0) return quote + 1;
      from = quote + 1;
    }
  }

  boolean(): boolean {
    const letter = this.next();
    if (letter === Letter.t && this.#word('true')) return true;
    if (letter === Letter.f && this.#word('false')) return false;
    throw this.fail('true or false');
  }

  null(): null {
    if (this.next() === Letter.n && this.#word('null')) return null;
    throw this.fail('null');
  }

  #word(word: string): boolean {
    const end = this.position + word.length;
    if (end > this.end || this.bytes.toString('latin1', this.position, end) !== word) return false;
    this.position = end;
    return true;
  }

  number(): number {
    if (this.kind() !== 'number') throw this.fail('a number');
    const start = this.position;
    const end = endOfNumber(this.bytes, start, this.end);
    if (end < 0) throw this.fail('a number');
    this.position = end;
    return Number(this.bytes.toString('latin1', start, end));
  }

  /** A whole number of at least 0 that is exact. */
  count(): number {
    const position = (this.next(), this.position);
    const value = this.kind() === 'number' ? this.number() : NaN;
    const isDigits = /^\d+$/.test(this.bytes.toString('latin1', position, this.position));
    if (isDigits && Number.isSafeInteger(value)) return value;
    throw this.fail('a whole number of at least 0', position);
  }

  /** Checks the form of the next value and goes beyond it. */
  skip(): Span {
    const kind = this.kind();
    const start = this.position;
    switch (kind) {
      case 'object':
        this.object(() => this.skip());
        break;
      case 'array':
        this.array(() => this.skip());
        break;
      case 'string':
        this.string();
        break;
      case 'number':
        this.number();
        break;
      case 'boolean':
        this.boolean();
        break;
      case 'null':
        this.null();
        break;
      case undefined:
        throw this.fail('a value');
    }
    return { start, end: this.position, path: this.path };
  }

  /**
   * Where the value of an object's key is, for those who read it later. An array without strings and
   * objects is not looked at: it ends with the last bracket before what can follow it, if the document
   * is well-formed, which those who read it find.
   */
  span(): Span {
    if (this.next() === Letter.openBracket) {
      const start = this.position;
      const brace = this.bytes.indexOf(Letter.closeBrace, start);
      const inside = this.bytes.subarray(start, brace);
      const quote = inside.indexOf(Letter.quote);
      const before = quote < 0 ? inside : inside.subarray(0, quote);
      const isPlain = brace >= 0 && brace < this.end && !before.includes(Letter.openBrace);
      const end = isPlain ? start + before.lastIndexOf(Letter.closeBracket) + 1 : 0;
      if (end > start && this.#endsValue(end)) {
        this.position = end;
        return { start, end, path: this.path };
      }
    }
    return this.skip();
  }

  /** Whether a comma and a key, or the object's end, follow. */
  #endsValue(end: number): boolean {
    const { position } = this;
    this.position = end;
    let letter = this.next();
    if (letter === Letter.comma) {
      this.position++;
      letter = this.next() === Letter.quote ? Letter.closeBrace : -1;
    }
    this.position = position;
    return letter === Letter.closeBrace;
  }

  /** The document ends here. */
  finish(): void {
    if (this.next() !== -1) throw this.fail('the end of the JSON');
  }
}
