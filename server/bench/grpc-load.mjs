// Load over gRPC: one unary call, again and again, on some streams of each of some connections. The frames
// of HTTP/2 (RFC 9113) are made here, because node:http2 takes several times as long as the servers do.
import { connect } from 'node:net';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const INITIAL_WINDOW_SIZE = 4;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME_BYTES = 16_384;
const MOST_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;
/** What was read is told when so much of it is: rarely, and long before the window is empty. */
const TELL_READ = 1 << 24;

function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, 9);
  return bytes;
}

function uint32(value) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A field in HPACK's plainest form (RFC 7541, 6.2.2): neither compressed nor remembered. */
function field(name, value) {
  const text = (string) => Buffer.concat([Buffer.from([string.length]), Buffer.from(string)]);
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

class Connection {
  #socket;
  #received = Buffer.alloc(0);
  #headers;
  #message;
  #nextStream = 1;
  /** What waits for an answer, by stream. */
  #calls = new Map();
  #window = FIRST_WINDOW;
  #streamWindow = FIRST_WINDOW;
  #waiting = new Set();
  #unread = 0;

  constructor({ port, path, message }) {
    this.#headers = Buffer.concat([
      field(':method', 'POST'),
      field(':scheme', 'http'),
      field(':path', path),
      field(':authority', '127.0.0.1'),
      field('te', 'trailers'),
      field('content-type', 'application/grpc'),
    ]);
    this.#message = Buffer.concat([Buffer.from([0]), uint32(message.length), message]);
    this.opened = new Promise((resolve, reject) => {
      const window = Buffer.concat([Buffer.from([0, INITIAL_WINDOW_SIZE]), uint32(MOST_WINDOW)]);
      this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
        const more = uint32(MOST_WINDOW - FIRST_WINDOW);
        this.#socket.write(
          Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, window), frame(WINDOW_UPDATE, 0, 0, more)]),
        );
      });
      this.#socket.on('data', (bytes) => this.#read(bytes, resolve));
      this.#socket.on('error', (error) => {
        reject(error);
        this.#fail(error);
      });
      this.#socket.on('close', () => this.#fail(new Error('the server has hung up')));
    });
  }

  ask(keep = false) {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return new Promise((resolve, reject) => {
      const window = this.#streamWindow;
      const call = { stream, resolve, reject, sent: 0, window, kept: keep ? [] : undefined };
      this.#calls.set(stream, call);
      this.#send(call, [frame(HEADERS, END_HEADERS, stream, this.#headers)]);
    });
  }

  end() {
    this.#calls.clear();
    this.#socket.destroy();
  }

  #fail(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  /** As much of a message as the other side has room for. */
  #send(call, frames) {
    const { length } = this.#message;
    while (call.sent < length) {
      const size = Math.min(length - call.sent, FRAME_BYTES, this.#window, call.window);
      if (size <= 0) break;
      const part = this.#message.subarray(call.sent, call.sent + size);
      call.sent += size;
      call.window -= size;
      this.#window -= size;
      frames.push(frame(DATA, call.sent === length ? END_STREAM : 0, call.stream, part));
    }
    if (call.sent < length) this.#waiting.add(call);
    else this.#waiting.delete(call);
    if (frames.length > 0)
      this.#socket.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }

  #read(bytes, opened) {
    let rest = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      const stream = rest.readUInt32BE(5) & MOST_WINDOW;
      this.#take(rest[3], rest[4], stream, rest.subarray(9, end), opened);
      rest = rest.subarray(end);
    }
    this.#received = rest;
  }

  #take(type, flags, stream, payload, opened) {
    const call = this.#calls.get(stream);
    if (type === DATA) {
      call?.kept?.push(Buffer.from(payload));
      this.#unread += payload.length;
      if (this.#unread >= TELL_READ) {
        this.#socket.write(frame(WINDOW_UPDATE, 0, 0, uint32(this.#unread)));
        this.#unread = 0;
      }
    } else if (type === SETTINGS && (flags & ACK) === 0) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) !== INITIAL_WINDOW_SIZE) continue;
        this.#streamWindow = payload.readUInt32BE(at + 2);
      }
      this.#socket.write(frame(SETTINGS, ACK, 0));
      opened();
    } else if (type === PING && (flags & ACK) === 0) {
      this.#socket.write(frame(PING, ACK, 0, payload));
    } else if (type === WINDOW_UPDATE) {
      const more = payload.readUInt32BE(0);
      if (stream === 0) this.#window += more;
      else if (call !== undefined) call.window += more;
      for (const waiting of [...this.#waiting]) this.#send(waiting, []);
    } else if (type === RST_STREAM || type === GOAWAY) {
      this.#fail(new Error(`the server has ended a ${type === GOAWAY ? 'connection' : 'call'}`));
    }
    // Trailers end a call; those that follow no message say that it has failed.
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0 && call !== undefined) {
      this.#calls.delete(stream);
      call.resolve(call.kept === undefined ? undefined : Buffer.concat(call.kept).subarray(5));
    }
  }
}

/** Connections that each have some calls at a time under way. */
export async function openGrpc({ connections, streams, ...call }) {
  const all = Array.from({ length: connections }, () => new Connection(call));
  await Promise.all(all.map(({ opened }) => opened));
  const lanesOf = (connection) => Array.from({ length: streams }, () => () => connection.ask());
  return {
    lanes: all.flatMap(lanesOf),
    once: () => all[0].ask(true),
    close: () => all.forEach((connection) => connection.end()),
  };
}
