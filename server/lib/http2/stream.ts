import type { Http2Connection } from './connection';
import { ErrorCode, Flag, Frame } from './frames';
import type { RequestHead } from './request-head';

/** Bytes that a client may send for a stream before it is told that they were taken. */
export const STREAM_WINDOW = 4 << 20;

/** However large frames may be: between two of them it is looked how much waits to be sent. */
const MOST_SENT_FRAME = 1 << 18;

/** So much may wait for a client to read it before more is copied into chunks. */
const MAX_WAITING = 1 << 20;

/** What takes a request's body and hears of its end. */
export interface StreamSink {
  /**
   * A part of the body, which is not written over.
   *
   * @returns whether it is kept; else its memory may be given back
   */
  data(bytes: Buffer): boolean;
  /** The body is complete. */
  end(): void;
  /** The client has given the request up, or is gone: nothing that is sent would reach it. */
  gone(): void;
  /** All that was given to be sent is on its way. */
  drained?(): void;
}

/** Makes what answers the requests of a connection. */
export type Accept = (stream: Http2Stream, head: RequestHead) => StreamSink;

/** Bytes that are to be sent from where they are. */
export interface Outgoing {
  readonly parts: readonly Uint8Array[];
  /** Of all of them. */
  readonly length: number;
  /** They were copied, or never will be. Called once. */
  readonly release?: () => void;
}

/** One request and its answer: some frames of fields, data, and the fields that it ends with. */
export class Http2Stream {
  readonly id: number;
  sink: StreamSink | undefined;
  /** Bytes that the client has room for beyond what it has for each stream, less what was sent. */
  granted = 0;
  /** Bytes of the body that were said to come and have not. */
  expected: number | undefined;
  hasAll = false;
  readonly #connection: Http2Connection;
  #queue: Outgoing[] = [];
  /** Of the first in the queue: the part that comes next, where in it, and bytes before. */
  #part = 0;
  #offset = 0;
  #sent = 0;
  #trailers: Buffer | undefined;
  /** What the client may send yet. */
  #room = STREAM_WINDOW;
  #isPaused = false;
  #isOver = false;

  constructor(connection: Http2Connection, id: number) {
    this.#connection = connection;
    this.id = id;
  }

  /** Bytes that the client has room for, which may be less than none. */
  get window(): number {
    return this.#connection.client.streamWindow + this.granted;
  }

  /** Nothing can be sent any more. */
  get isOver(): boolean {
    return this.#isOver || this.#trailers !== undefined;
  }

  /** Not all that was given to be sent is on its way: the client reads slowly. */
  get isBehind(): boolean {
    return this.#queue.length > 0;
  }

  /** Sends a block of fields; the last one if the answer has nothing else. */
  respond(block: Buffer, isLast = false): void {
    if (this.isOver) return;
    this.#headers(block, isLast);
    if (isLast) this.#end();
    this.#connection.flushSoon();
  }

  write(body: Outgoing): void {
    if (this.isOver) {
      body.release?.();
      return;
    }
    this.#queue.push(body);
    if (this.#queue.length === 1) this.send();
    this.#connection.flushSoon();
  }

  /** Ends the answer with a block of fields, after what is being sent. */
  finish(block: Buffer): void {
    if (this.isOver) return;
    this.#trailers = block;
    if (this.#queue.length === 0) this.#finish(block);
    this.#connection.flushSoon();
  }

  /** Ends the stream without an answer, or the rest of one. */
  reset(code: number): void {
    if (this.#isOver) return;
    const { output } = this.#connection;
    output.frame(4, Frame.resetStream, 0, this.id);
    output.uint32(code);
    this.#connection.ignore(this.id);
    this.leave();
    this.#connection.flushSoon();
  }

  /** Lets the client send no more than it may already. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#makeRoom();
  }

  /** Bytes of frames have come. False if they are more than there was room for. */
  received(count: number): boolean {
    this.#room -= count;
    if (this.#room < 0) return false;
    if (this.#room < STREAM_WINDOW / 2) this.#makeRoom();
    return true;
  }

  #makeRoom(): void {
    const more = STREAM_WINDOW - this.#room;
    if (this.#isPaused || this.hasAll || this.#isOver || more < STREAM_WINDOW / 2) return;
    this.#room = STREAM_WINDOW;
    this.#connection.tellRoom(this.id, more);
    this.#connection.flushSoon();
  }

  /** Sends as much as there is room for; the rest when there is more. */
  send(): void {
    if (this.#isOver) return;
    const { client, output } = this.#connection;
    for (let body = this.#queue[0]; body !== undefined; body = this.#queue[0]) {
      while (this.#sent < body.length) {
        const size = Math.min(
          body.length - this.#sent,
          client.frameBytes,
          MOST_SENT_FRAME,
          this.window,
          client.window,
        );
        if (size <= 0 || output.waiting > MAX_WAITING) {
          client.block(this);
          return;
        }
        this.#frame(body, size);
      }
      this.#queue.shift();
      this.#part = this.#offset = this.#sent = 0;
      body.release?.();
    }
    if (this.#trailers !== undefined) this.#finish(this.#trailers);
    else this.sink?.drained?.();
  }

  #frame({ parts }: Outgoing, size: number): void {
    const { client, output } = this.#connection;
    client.lastData = Date.now();
    client.expectedUpdates += 2;
    output.frame(size, Frame.data, 0, this.id);
    this.granted -= size;
    client.window -= size;
    this.#sent += size;
    for (let left = size; left > 0;) {
      const part = parts[this.#part];
      if (part === undefined) throw new RangeError('there are fewer bytes than was said');
      const count = Math.min(left, part.length - this.#offset);
      output.bytes(part, this.#offset, this.#offset + count);
      left -= count;
      this.#offset += count;
      if (this.#offset < part.length) continue;
      this.#part++;
      this.#offset = 0;
    }
  }

  #headers(block: Buffer, isLast: boolean): void {
    const { output, client } = this.#connection;
    const { frameBytes } = client;
    const first = Math.min(block.length, frameBytes);
    const flags = isLast ? Flag.endStream : 0;
    const isWhole = first === block.length;
    output.frame(first, Frame.headers, flags | (isWhole ? Flag.endHeaders : 0), this.id);
    output.bytes(block, 0, first);
    for (let at = first; at < block.length; at += frameBytes) {
      const end = Math.min(block.length, at + frameBytes);
      const isEnd = end === block.length;
      output.frame(end - at, Frame.continuation, isEnd ? Flag.endHeaders : 0, this.id);
      output.bytes(block, at, end);
    }
  }

  #finish(block: Buffer): void {
    this.#headers(block, true);
    this.#end();
  }

  /** The answer is complete. What the client has not sent by now it need not send. */
  #end(): void {
    if (!this.hasAll) {
      const { output } = this.#connection;
      output.frame(4, Frame.resetStream, 0, this.id);
      output.uint32(ErrorCode.noError);
      this.#connection.ignore(this.id);
    }
    this.leave();
  }

  /** Is over without a word: nothing of it is kept. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const queue = this.#queue;
    this.#queue = [];
    this.#connection.left(this);
    for (const { release } of queue) release?.();
  }
}
