/** A message in protobuf's text format: its fields by their names, each as often as it is there. */
// eslint-disable-next-line @typescript-eslint/consistent-indexed-object-style -- it is made of itself
export interface TextMessage {
  readonly [field: string]: readonly TextValue[] | undefined;
}

/** A text as it is there, or a message. */
export type TextValue = string | TextMessage;

/** Deeper ones are no configuration. */
const MAX_DEPTH = 32;

const TOKEN =
  /\s*(?:#[^\n]*(?:\n\s*|$))*([A-Za-z_][\w./]*|[+-]?[\d.][\w.+-]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}<>[\],:;]|$)/uy;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

/**
 * Reads protobuf's text format without its schema: values are texts as they are there, strings without their
 * quotes. Extensions and `Any` are not known.
 *
 * @throws Error naming the line of what it is not
 */
export function readTextFormat(text: string): TextMessage {
  return new Reader(text).whole();
}

class Reader {
  readonly #text: string;
  #position = 0;
  /** Empty at the end. */
  #token = '';

  constructor(text: string) {
    this.#text = text;
    this.#next();
  }

  whole(): TextMessage {
    return this.#message('', 0);
  }

  #next(): string {
    const before = this.#token;
    TOKEN.lastIndex = this.#position;
    const match = TOKEN.exec(this.#text);
    if (match?.[1] === undefined) throw this.#fail('what is no token');
    this.#position = TOKEN.lastIndex;
    this.#token = match[1];
    return before;
  }

  #fail(what: string): Error {
    const line = this.#text.slice(0, this.#position).split('\n').length;
    return new Error(`line ${line}: ${what}`);
  }

  #skip(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  #message(end: string, depth: number): TextMessage {
    if (depth > MAX_DEPTH) throw this.#fail(`nested more than ${MAX_DEPTH} messages deep`);
    const fields = new Map<string, TextValue[]>();
    while (this.#token !== end) {
      const name = this.#next();
      if (!/^[A-Za-z_]\w*$/.test(name)) throw this.#fail(`expected a field, got '${name}'`);
      const values = fields.get(name) ?? [];
      fields.set(name, values);
      const hasColon = this.#skip(':');
      if (this.#skip('[')) {
        while (!this.#skip(']')) {
          values.push(this.#value(true, depth));
          this.#skip(',');
        }
      } else values.push(this.#value(hasColon, depth));
      if (!this.#skip(',')) this.#skip(';');
    }
    this.#next();
    return Object.fromEntries(fields);
  }

  #value(mayBePlain: boolean, depth: number): TextValue {
    if (this.#skip('{')) return this.#message('}', depth + 1);
    if (this.#skip('<')) return this.#message('>', depth + 1);
    if (!mayBePlain || !/^[\w."'+-]/.test(this.#token)) {
      throw this.#fail(`expected a value, got '${this.#token}'`);
    }
    let value = this.#plain();
    // Strings that follow each other are one.
    while (/^["']/.test(this.#token)) value += this.#plain();
    return value;
  }

  #plain(): string {
    const token = this.#next();
    if (!/^["']/.test(token)) return token;
    return token
      .slice(1, -1)
      .replaceAll(/\\(.)/gsu, (_, letter: string) => ESCAPES[letter] ?? letter);
  }
}
