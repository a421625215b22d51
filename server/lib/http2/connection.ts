import type { Socket } from 'node:net';

import { releaseParts } from '../memory-pool';
import { Allowance } from './allowance';
import { ClientRoom } from './client-room';
import {
  ConnectionError,
  DEFAULT_WINDOW,
  ErrorCode,
  Flag,
  Frame,
  MOST_WINDOW,
  Setting,
  checkFrame,
  checkPriority,
} from './frames';
import { FrameReader, MAX_BLOCK_BYTES, MAX_FRAME, type FrameHandler } from './frame-reader';
import { HpackDecoder } from './hpack-decoder';
import { Output } from './output';
import { MAX_FIELD_BYTES, readHead, type RequestHead } from './request-head';
import { Http2Stream, STREAM_WINDOW, type Accept } from './stream';

/** Bytes that a client may send on all streams before it is told that they were taken. */
const CONNECTION_WINDOW = 16 << 20;

const MAX_CONTINUATIONS = 32;

const MAX_STREAMS = 1000;

/** A client that makes so much to be said to it, and goes on, reads none of it: data waits for less. */
const MAX_UNREAD = 4 << 20;

/** Streams that are over and that a client may not have heard so of. */
const MAX_IGNORED = 1000;

/** Requests that a client may give up before their answer: at once, and each second. */
const RESETS_AT_ONCE = 1000;
const RESETS_PER_SECOND = 200;

/**
 * Frames that ask for nothing (pings, settings, priorities, room, farewells, empty data) while nothing else comes or goes. Between
 * requests and their answers clients send as many as they like: they measure connections by pings.
 */
const IDLE_FRAMES_AT_ONCE = 1000;
const IDLE_FRAMES_PER_SECOND = 100;

/** For the client to say what HTTP/2 begins with, to read what it was sent, and to hang up. */
const PREFACE_MS = 10_000;
const STALLED_MS = 60_000;
const HANG_UP_MS = 1000;

const NOTHING: Buffer = Buffer.alloc(0);

const UNFINISHED = 'a block of header fields has not ended';

/** A client's connection (RFC 9113): keeps the books of its streams and windows, and says what it has to. */
export class Http2Connection implements FrameHandler {
  readonly output: Output;
  readonly client = new ClientRoom();
  readonly #socket: Socket;
  readonly #accept: Accept;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #ignored = new Set<number>();
  readonly #decoder = new HpackDecoder();
  readonly #timer: NodeJS.Timeout;
  readonly #reader = new FrameReader(this);
  /** Whose frame of data is being read; undefined for one that is to be ignored. */
  #dataStream: Http2Stream | undefined;
  /** A block of fields whose continuation has to come next. */
  #block: { stream: number; flags: number; parts: Buffer[]; bytes: number } | undefined;
  #lastBlock = NOTHING;
  #lastVersion = 0;
  #lastHead: RequestHead | undefined;
  #lastStream = 0;
  /** What the client may send yet, on all streams. */
  #room = CONNECTION_WINDOW;
  readonly #resets = new Allowance(RESETS_AT_ONCE, RESETS_PER_SECOND);
  readonly #idleFrames = new Allowance(IDLE_FRAMES_AT_ONCE, IDLE_FRAMES_PER_SECOND);
  #lastData = 0;
  #isLeaving = false;
  #isOver = false;
  #isFlushing = false;

  constructor(socket: Socket, accept: Accept) {
    this.#socket = socket;
    this.#accept = accept;
    this.output = new Output(socket);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => {
      this.client.unblock();
      this.flushSoon();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#gone());
    // For the other side to keep what is between from forgetting it, and to hear of its end.
    socket.setKeepAlive(true, STALLED_MS);
    socket.setTimeout(STALLED_MS, () => {
      if (this.output.waiting > 0 || !this.#reader.isBetween) this.destroy();
    });
    this.#timer = setTimeout(() => socket.destroy(), PREFACE_MS);
    this.#timer.unref();
    this.#sayHello();
  }

  /** Takes no more requests, and hangs up when those that there are were answered. */
  leave(): void {
    if (this.#isOver || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#goAway(ErrorCode.noError, '');
    if (this.#streams.size === 0) this.#hangUp();
    this.flush();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #sayHello(): void {
    const { output } = this;
    const settings = [
      [Setting.maxConcurrentStreams, MAX_STREAMS],
      [Setting.initialWindowSize, STREAM_WINDOW],
      [Setting.maxFrameSize, MAX_FRAME],
      [Setting.maxHeaderListSize, MAX_FIELD_BYTES],
    ] as const;
    output.frame(settings.length * 6, Frame.settings, 0, 0);
    for (const [setting, value] of settings) {
      output.uint16(setting);
      output.uint32(value);
    }
    this.tellRoom(0, CONNECTION_WINDOW - DEFAULT_WINDOW);
    this.flushSoon();
  }

  tellRoom(stream: number, more: number): void {
    this.output.frame(4, Frame.windowUpdate, 0, stream);
    this.output.uint32(more);
  }

  /**
   * What is said in one turn of the event loop goes out at its end, and that of all connections one right after
   * the other: waking clients in between takes the system longer than sending.
   */
  flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#isFlushing = false;
    this.output.flush();
  }

  /** Frames that a client sends for a stream that is over, as it does not know yet, mean nothing. */
  ignore(stream: number): void {
    this.#ignored.add(stream);
    if (this.#ignored.size <= MAX_IGNORED) return;
    const [oldest] = this.#ignored;
    if (oldest !== undefined) this.#ignored.delete(oldest);
  }

  /** A stream is over. */
  left(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.client.forget(stream);
    if (this.#isLeaving && this.#streams.size === 0) this.#hangUp();
  }

  #goAway(code: number, message: string): void {
    const text = Buffer.from(message);
    this.output.frame(8 + text.length, Frame.goAway, 0, 0);
    this.output.uint32(this.#lastStream);
    this.output.uint32(code);
    this.output.bytes(text);
  }

  /** When all is sent: a slow client is owed the rest of its answers. */
  #hangUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.flush();
    this.#socket.end(() => this.#destroySoon());
  }

  #destroySoon(): void {
    setTimeout(() => this.#socket.destroy(), HANG_UP_MS).unref();
  }

  #fail(error: unknown): void {
    if (error instanceof ConnectionError) this.#goAway(error.code, error.message);
    else this.#goAway(ErrorCode.internalError, 'internal error');
    this.#hangUp();
    this.#destroySoon();
    this.#leaveAll();
  }

  #gone(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#leaveAll();
  }

  #leaveAll(): void {
    for (const stream of [...this.#streams.values()]) {
      const { sink } = stream;
      stream.leave();
      sink?.gone();
    }
  }

  /** Ends it if answers wait for the client and nothing of any was sent for a while. */
  endIfStalled(): void {
    const { client } = this;
    if (!client.hasBlocked) client.lastData = Date.now();
    else if (Date.now() - client.lastData > STALLED_MS) this.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#checkUnread();
      if (!this.#reader.read(chunk)) releaseParts([chunk]);
      this.client.use(this.#streams.values());
    } catch (error) {
      this.#fail(error);
    }
    this.flushSoon();
  }

  beginData(id: number, bytes: number): void {
    if (this.#block !== undefined) throw new ConnectionError(ErrorCode.protocolError, UNFINISHED);
    this.#room -= bytes;
    if (this.#room < 0) throw new ConnectionError(ErrorCode.flowControlError, 'too much data');
    if (this.#room < CONNECTION_WINDOW / 2) {
      this.tellRoom(0, CONNECTION_WINDOW - this.#room);
      this.#room = CONNECTION_WINDOW;
    }
    if (bytes === 0) this.#countIdleFrame();
    const stream = this.#openFor(id);
    this.#dataStream = stream;
    if (stream?.received(bytes) === false) {
      throw new ConnectionError(ErrorCode.flowControlError, 'too much data on a stream');
    }
  }

  data(bytes: Buffer): boolean {
    this.#idleFrames.refill();
    const stream = this.#dataStream;
    if (stream === undefined || stream.isOver) return false;
    if (stream.expected !== undefined) stream.expected -= bytes.length;
    return stream.sink?.data(bytes) === true;
  }

  endData(isLast: boolean): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (isLast && stream !== undefined) this.#endBody(stream);
  }

  #endBody(stream: Http2Stream): void {
    stream.hasAll = true;
    if (stream.isOver) return;
    if ((stream.expected ?? 0) !== 0) this.#refuse(stream, ErrorCode.protocolError);
    else stream.sink?.end();
  }

  /** Ends a stream that something is wrong with: the client as good as gives it up. */
  #refuse(stream: Http2Stream, code: number): void {
    const { sink } = stream;
    stream.reset(code);
    sink?.gone();
    this.#countReset();
  }

  /** A stream whose client may send; undefined for one whose frames are to be ignored. */
  #openFor(id: number): Http2Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined && !stream.hasAll) return stream;
    if (id > this.#lastStream || id % 2 === 0) {
      if (this.#isLeaving && id % 2 === 1) return undefined;
      throw new ConnectionError(ErrorCode.protocolError, `stream ${id} has not begun`);
    }
    if (this.#ignored.has(id)) return undefined;
    if (stream !== undefined) this.#refuse(stream, ErrorCode.streamClosed);
    else throw new ConnectionError(ErrorCode.streamClosed, `stream ${id} is over`);
    return undefined;
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#isOver) return;
    if (this.#block !== undefined && type !== Frame.continuation) {
      throw new ConnectionError(ErrorCode.protocolError, UNFINISHED);
    }
    switch (type) {
      case Frame.headers:
        this.#idleFrames.refill();
        this.#takeHeaders(flags, stream, payload);
        return;
      case Frame.continuation:
        this.#takeContinuation(flags, stream, payload);
        return;
      case Frame.priority:
        this.#countIdleFrame();
        this.#takePriority(stream, payload);
        return;
      case Frame.resetStream:
        this.#takeReset(stream, payload);
        return;
      case Frame.settings:
        this.#countIdleFrame();
        this.#takeSettings(flags, stream, payload);
        return;
      case Frame.pushPromise:
        throw new ConnectionError(ErrorCode.protocolError, 'clients promise nothing');
      case Frame.ping:
        this.#countIdleFrame();
        this.#takePing(flags, stream, payload);
        return;
      case Frame.goAway:
        this.#countIdleFrame();
        checkFrame(stream === 0, payload.length >= 8);
        // The client opens no more streams: it hangs up itself when it has the answers.
        return;
      case Frame.windowUpdate:
        // Beyond what was sent it is room for nothing.
        if (this.client.expectedUpdates > 0) this.client.expectedUpdates -= 1;
        else this.#countIdleFrame();
        this.#takeWindowUpdate(stream, payload);
        return;
      default:
        this.#countIdleFrame();
    }
  }

  #takeHeaders(flags: number, stream: number, payload: Buffer): void {
    checkFrame(stream % 2 === 1, true);
    let start = 0;
    let end = payload.length;
    if ((flags & Flag.padded) !== 0) {
      end -= payload[0] ?? 0;
      start = 1;
    }
    if ((flags & Flag.priority) !== 0) {
      checkFrame(true, payload.length >= start + 5);
      checkPriority(stream, payload.readUInt32BE(start));
      start += 5;
    }
    checkFrame(start <= end, true);
    const part = payload.subarray(start, end);
    if ((flags & Flag.endHeaders) !== 0) this.#takeBlock(stream, flags, part);
    else this.#block = { stream, flags, parts: [Buffer.from(part)], bytes: part.length };
  }

  #takeContinuation(flags: number, stream: number, payload: Buffer): void {
    const block = this.#block;
    if (block?.stream !== stream) {
      throw new ConnectionError(ErrorCode.protocolError, 'no block of fields is to be continued');
    }
    block.parts.push(Buffer.from(payload));
    block.bytes += payload.length;
    if (block.bytes > MAX_BLOCK_BYTES || block.parts.length > MAX_CONTINUATIONS) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a block of fields does not end');
    }
    if ((flags & Flag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#takeBlock(stream, block.flags, Buffer.concat(block.parts));
  }

  #takeBlock(id: number, flags: number, block: Buffer): void {
    const ends = (flags & Flag.endStream) !== 0;
    if (id <= this.#lastStream) {
      this.#takeTrailers(id, ends, block);
      return;
    }
    const head = this.#readHead(block);
    // It is told which one was the last that is answered.
    if (this.#isLeaving) return;
    this.#lastStream = id;
    const stream = new Http2Stream(this, id);
    const { size } = this.#streams;
    this.#streams.set(id, stream);
    stream.hasAll = ends;
    if (typeof head === 'string') this.#refuse(stream, ErrorCode.protocolError);
    else if (size >= MAX_STREAMS) this.#refuse(stream, ErrorCode.refusedStream);
    else {
      stream.expected = head.contentLength;
      stream.sink = this.#accept(stream, head);
      if (ends) this.#endBody(stream);
    }
  }

  /** The same block means the same, if it changes nothing that blocks refer to, until another one does. */
  #readHead(block: Buffer): RequestHead | string {
    if (
      this.#lastHead !== undefined &&
      this.#lastVersion === this.#decoder.version &&
      block.equals(this.#lastBlock)
    ) {
      return this.#lastHead;
    }
    const { version } = this.#decoder;
    const head = readHead(this.#decoder, block);
    if (typeof head === 'string' || version !== this.#decoder.version) return head;
    this.#lastHead = head;
    this.#lastBlock = Buffer.from(block);
    this.#lastVersion = version;
    return head;
  }

  #takeTrailers(id: number, ends: boolean, block: Buffer): void {
    const head = readHead(this.#decoder, block, true);
    const stream = this.#openFor(id);
    if (stream === undefined) return;
    if (!ends || typeof head === 'string') this.#refuse(stream, ErrorCode.protocolError);
    else this.#endBody(stream);
  }

  #takePriority(stream: number, payload: Buffer): void {
    checkFrame(stream !== 0, payload.length === 5);
    checkPriority(stream, payload.readUInt32BE(0));
  }

  #takeReset(id: number, payload: Buffer): void {
    checkFrame(id % 2 === 1 && (id <= this.#lastStream || this.#isLeaving), payload.length === 4);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#countReset();
    const { sink } = stream;
    stream.leave();
    sink?.gone();
  }

  /** A client that begins and gives up requests over and over makes work that it does not pay for. */
  #countReset(): void {
    if (this.#resets.take()) return;
    throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many requests are given up');
  }

  #countIdleFrame(): void {
    const { lastData } = this.client;
    if (lastData !== this.#lastData) this.#idleFrames.refill();
    this.#lastData = lastData;
    if (this.#idleFrames.take()) return;
    throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many frames that ask for nothing');
  }

  #takeSettings(flags: number, stream: number, payload: Buffer): void {
    const isAck = (flags & Flag.ack) !== 0;
    checkFrame(stream === 0, isAck ? payload.length === 0 : payload.length % 6 === 0);
    if (isAck) return;
    for (let at = 0; at < payload.length; at += 6) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    clearTimeout(this.#timer);
    this.output.frame(0, Frame.settings, Flag.ack, 0);
  }

  #set(setting: number, value: number): void {
    if (setting === Setting.enablePush) checkFrame(value <= 1, true);
    else if (setting === Setting.maxFrameSize) this.client.setFrameBytes(value);
    else if (setting === Setting.initialWindowSize) this.client.setStreamWindow(value);
  }

  /** Answers of any kind may not pile up for a client that costs it nothing. */
  #checkUnread(): void {
    if (this.output.waiting <= MAX_UNREAD) return;
    throw new ConnectionError(ErrorCode.enhanceYourCalm, 'nothing of what was sent is read');
  }

  #takePing(flags: number, stream: number, payload: Buffer): void {
    checkFrame(stream === 0, payload.length === 8);
    if ((flags & Flag.ack) !== 0) return;
    this.output.frame(8, Frame.ping, Flag.ack, 0);
    this.output.bytes(payload);
  }

  #takeWindowUpdate(id: number, payload: Buffer): void {
    checkFrame(
      id === 0 || this.#isLeaving || (id % 2 === 1 && id <= this.#lastStream),
      payload.length === 4,
    );
    const more = payload.readUInt32BE(0) & MOST_WINDOW;
    if (id === 0) {
      this.client.grow(more);
      return;
    }
    const stream = this.#streams.get(id);
    const error = stream && this.client.growStream(stream, more);
    if (stream !== undefined && error !== undefined) this.#refuse(stream, error);
  }
}
