// Load over HTTP/1.1: one request, again and again on each of some connections. It writes bytes that
// are made once and looks no closer at an answer than it has to, so that the server is what is busy.
import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

class Connection {
  #socket;
  #request;
  /** Bytes of the answer, or of one of its chunks, that are to come; undefined while its head is. */
  #left;
  #isChunked = false;
  /** The beginning of a head, or of the line before a chunk. */
  #begun = EMPTY;
  /** Keeps an answer's body, where it is wanted. */
  #kept;
  #done;

  constructor(port, request) {
    this.#request = request;
    this.opened = new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(1 << 18);
      const callback = (length) => {
        this.#read(buffer.subarray(0, length));
        return true;
      };
      const onread = { buffer, callback };
      this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, resolve);
      this.#socket.on('error', (error) => {
        reject(error);
        this.#done?.reject(error);
      });
      this.#socket.on('close', () => this.#done?.reject(new Error('the server has hung up')));
    });
  }

  /** Resolves when the request has been answered. */
  ask(keep = false) {
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject };
      this.#kept = keep ? [] : undefined;
      this.#socket.write(this.#request);
    });
  }

  end() {
    this.#done = undefined;
    this.#socket.destroy();
  }

  #read(bytes) {
    const all = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes]);
    this.#begun = EMPTY;
    if (this.#left === undefined) this.#readHead(all);
    else this.#readBody(all);
  }

  #readHead(bytes) {
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) {
      this.#begun = Buffer.from(bytes);
      return;
    }
    const text = bytes.latin1Slice(0, end);
    const body = bytes.subarray(end + HEAD_END.length);
    if (!text.startsWith('HTTP/1.1 200')) {
      const said = body.subarray(0, 500).toString();
      this.#done?.reject(new Error(`not answered: ${text.split('\r\n', 1)[0]} ${said}`));
      return;
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    this.#isChunked = length === undefined;
    this.#left = Number(length ?? 0);
    this.#readBody(body);
  }

  #readBody(bytes) {
    if (this.#isChunked) {
      this.#readChunks(bytes);
      return;
    }
    this.#take(bytes);
    if (this.#left === 0) this.#answered();
  }

  #readChunks(bytes) {
    let rest = bytes;
    for (;;) {
      const part = rest.subarray(0, this.#left);
      this.#take(part);
      if (this.#left > 0) return;
      rest = rest.subarray(part.length);
      // The line before a chunk, with the end of the chunk before it.
      const line = /^(?:\r\n)?([0-9a-f]+)\r\n/i.exec(
        rest.latin1Slice(0, Math.min(rest.length, 32)),
      );
      const size = Number.parseInt(line?.[1], 16);
      const needed = line === null ? Infinity : line[0].length + (size === 0 ? 2 : 0);
      if (rest.length < needed) {
        this.#begun = Buffer.from(rest);
        return;
      }
      if (size === 0) {
        this.#answered();
        return;
      }
      this.#left = size;
      rest = rest.subarray(line[0].length);
    }
  }

  #take(bytes) {
    this.#left -= bytes.length;
    this.#kept?.push(Buffer.from(bytes));
  }

  #answered() {
    this.#left = undefined;
    this.#done?.resolve(this.#kept === undefined ? undefined : Buffer.concat(this.#kept));
  }
}

/** Connections that each have one request at a time under way. */
export async function openHttp({ port, request, connections }) {
  const all = Array.from({ length: connections }, () => new Connection(port, request));
  await Promise.all(all.map(({ opened }) => opened));
  return {
    lanes: all.map((connection) => () => connection.ask()),
    once: () => all[0].ask(true),
    close: () => all.forEach((connection) => connection.end()),
  };
}
