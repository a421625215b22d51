import { ConnectionError, ErrorCode } from './frames';
import { decodeHuffman } from './huffman';
import { STATIC_TABLE } from './static-table';

type Field = readonly [name: string, value: string];

/** Bytes that the fields which a client may refer to have: HPACK's default, which is not changed here. */
const TABLE_BYTES = 4096;

/** What a field counts for besides its characters (RFC 7541, 4.1). */
const FIELD_BYTES = 32;

/** No number of HPACK means more here; a longer one is a mistake, or worse. */
const MOST_NUMBER = 1 << 24;

const wrong = (message: string): ConnectionError =>
  new ConnectionError(ErrorCode.compressionError, message);

/** Reads the blocks of header fields of a connection (RFC 7541), each of which may refer to earlier ones. */
export class HpackDecoder {
  /** Another one after each block that changed what later ones mean. */
  version = 0;
  /** The oldest first. */
  readonly #table: Field[] = [];
  #size = 0;
  #most = TABLE_BYTES;
  #block: Buffer = Buffer.alloc(0);
  #position = 0;

  /** Tells of each field in turn. @throws ConnectionError for what is no such block */
  decode(block: Buffer, tell: (name: string, value: string) => void): void {
    this.#block = block;
    this.#position = 0;
    let isFirst = true;
    while (this.#position < block.length) {
      const byte = block[this.#position] ?? 0;
      if (byte >= 0x80) {
        const [name, value] = this.#field(this.#number(7));
        tell(name, value);
      } else if (byte >= 0x40) {
        const field = this.#literal(6);
        this.#add(field);
        tell(field[0], field[1]);
      } else if (byte < 0x20) {
        const [name, value] = this.#literal(4);
        tell(name, value);
      } else {
        if (!isFirst) throw wrong('the size of the table is changed after a field');
        this.#resize(this.#number(5));
        continue;
      }
      isFirst = false;
    }
  }

  /** An integer (RFC 7541, 5.1), whose first bits are the last ones of a byte. */
  #number(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (value > MOST_NUMBER || factor > MOST_NUMBER) throw wrong('a number is too large');
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#block[this.#position++];
    if (byte === undefined) throw wrong('a block of header fields is cut off');
    return byte;
  }

  #literal(bits: number): Field {
    const index = this.#number(bits);
    const name = index === 0 ? this.#text() : this.#field(index)[0];
    return [name, this.#text()];
  }

  #text(): string {
    const isHuffman = ((this.#block[this.#position] ?? 0) & 0x80) !== 0;
    const length = this.#number(7);
    const start = this.#position;
    const end = start + length;
    if (end > this.#block.length) throw wrong('a block of header fields is cut off');
    this.#position = end;
    if (!isHuffman) return this.#block.toString('latin1', start, end);
    const text = decodeHuffman(this.#block, start, end);
    if (text === undefined) throw wrong('a text has no Huffman code');
    return text;
  }

  #field(index: number): Field {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#table[this.#table.length - (index - STATIC_TABLE.length)];
    if (field === undefined) throw wrong(`there is no field ${index}`);
    return field;
  }

  #add(field: Field): void {
    this.version++;
    this.#table.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #resize(most: number): void {
    if (most > TABLE_BYTES) throw wrong(`the table may have ${TABLE_BYTES} bytes, not ${most}`);
    this.version++;
    this.#most = most;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#most) {
      const oldest = this.#table.shift();
      if (oldest === undefined) break;
      this.#size -= sizeOf(oldest);
    }
  }
}

const sizeOf = ([name, value]: Field): number => name.length + value.length + FIELD_BYTES;
