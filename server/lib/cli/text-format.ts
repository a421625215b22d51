/** A message in protobuf's text format: its fields by their names, each as often as it is there. */
// eslint-disable-next-line @typescript-eslint/consistent-indexed-object-style -- it is made of itself
export interface TextMessage {
  readonly [field: string]: readonly TextValue[] | undefined;
}

/** A text as it is there, or a message. */
export type TextValue = string | TextMessage;

/** Deeper ones are no configuration. */
const MAX_DEPTH = 32;

const BLANK = /\s*/uy;

/** One at a time, or the first letter of a string: what repeats alternatives needs a stack as long as the text. */
const TOKEN = /[A-Za-z_][\w./]*|[+-]?[\d.][\w.+-]*|["'{}<>[\],:;]|$/uy;

const NO_TOKEN = 'what is no token';

/** Of what is not understood no more is shown. */
const SHOWN = 60;

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
    this.#skipBlanks();
    const [token] = this.#match(TOKEN) ?? [];
    if (token === undefined) throw this.#fail(NO_TOKEN);
    this.#token = token === '"' || token === "'" ? this.#string(token) : token;
    return before;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#position = pattern.lastIndex;
    return match;
  }

  /** And comments. */
  #skipBlanks(): void {
    for (;;) {
      this.#match(BLANK);
      if (this.#text[this.#position] !== '#') return;
      const end = this.#text.indexOf('\n', this.#position);
      this.#position = end === -1 ? this.#text.length : end;
    }
  }

  /** The rest of a string, with its quotes. */
  #string(quote: string): string {
    const start = this.#position - 1;
    for (let at = this.#position; ; at++) {
      if (this.#text[at] === '\\') at++;
      else if (this.#text[at] === quote) {
        this.#position = at + 1;
        return this.#text.slice(start, this.#position);
      }
      const letter = this.#text[at];
      if (letter === undefined || letter === '\n') throw this.#fail(NO_TOKEN);
    }
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
      if (!/^[A-Za-z_]\w*$/.test(name))
        throw this.#fail(`expected a field, got '${shortened(name)}'`);
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
      throw this.#fail(`expected a value, got '${shortened(this.#token)}'`);
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

/** Enough of a text to know it by. */
export const shortened = (text: string): string =>
  text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
