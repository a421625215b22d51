import type { Socket } from 'node:net';

import { HEAD_BYTES } from './frames';

/** As much as a socket is given in one piece. */
const CHUNK_BYTES = 1 << 16;

/** What is shorter is copied out of its chunk, which goes on being filled. */
const COPIED_BYTES = 8 << 10;

/** Chunks that are kept for later: one large answer has several on their way. */
const MAX_FREE = 64;
const free: Buffer[] = [];

/** Whose memory is that of a chunk: what is copied is in Node's own pool, which may have chunks of this size. */
const ours = new WeakSet<ArrayBufferLike>();

function takeChunk(): Buffer {
  const kept = free.pop();
  if (kept !== undefined) return kept;
  const made = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  ours.add(made.buffer);
  return made;
}

/** The chunk that is being filled, of all connections of a thread, and whose frames are in it. */
let chunk = takeChunk();
let length = 0;
let owner: Output | undefined;

/**
 * What a connection says, frame by frame. Frames that are made at one moment are one write; connections take
 * turns with one chunk, so that an idle one has no memory for this.
 */
export class Output {
  readonly #socket: Socket;
  /** What comes before what is in the chunk, and bytes of it. */
  #waiting: Buffer[] = [];
  #bytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the client has not read yet. */
  get waiting(): number {
    const own = owner === this ? length : 0;
    return this.#socket.writableLength + this.#bytes + own;
  }

  frame(payload: number, type: number, flags: number, stream: number): void {
    this.#reserve(HEAD_BYTES);
    chunk[length] = payload >>> 16;
    chunk[length + 1] = payload >>> 8;
    chunk[length + 2] = payload;
    chunk[length + 3] = type;
    chunk[length + 4] = flags;
    length = chunk.writeUInt32BE(stream, length + 5);
  }

  uint16(value: number): void {
    this.#reserve(2);
    length = chunk.writeUInt16BE(value, length);
  }

  uint32(value: number): void {
    this.#reserve(4);
    length = chunk.writeUInt32BE(value, length);
  }

  /** Copies bytes. */
  bytes(source: Uint8Array, from = 0, to = source.length): void {
    for (let at = from; at < to;) {
      this.#reserve(1);
      const count = Math.min(to - at, CHUNK_BYTES - length);
      chunk.set(count === source.length ? source : source.subarray(at, at + count), length);
      length += count;
      at += count;
    }
  }

  #reserve(count: number): void {
    if (owner !== this) this.#takeTurn();
    if (length + count > CHUNK_BYTES) this.#keepChunk();
  }

  #takeTurn(): void {
    if (owner !== undefined) owner.#keep();
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the chunk is everybody's
    owner = this;
  }

  #keepChunk(): void {
    this.#waiting.push(chunk.subarray(0, length));
    this.#bytes += length;
    chunk = takeChunk();
    length = 0;
  }

  /** Leaves the chunk to others. */
  #keep(): void {
    owner = undefined;
    if (length > COPIED_BYTES) this.#keepChunk();
    else if (length > 0) {
      this.#waiting.push(Buffer.from(chunk.subarray(0, length)));
      this.#bytes += length;
      length = 0;
    }
  }

  /** Gives the socket what there is. */
  flush(): void {
    if (owner === this) this.#keep();
    const all = this.#waiting;
    if (all.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    const socket = this.#socket;
    if (!socket.writable) return;
    if (all.length > 1) socket.cork();
    for (const each of all) {
      if (ours.has(each.buffer)) socket.write(each, reuse(each));
      else socket.write(each);
    }
    if (all.length > 1) socket.uncork();
  }
}

/** Keeps a chunk for later once it was sent. After an error the system may still have to do with it. */
const reuse =
  ({ buffer }: Buffer) =>
  (error?: Error | null): void => {
    if (!error && free.length < MAX_FREE) free.push(Buffer.from(buffer));
  };
