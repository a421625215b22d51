import {
  ConnectionError,
  ErrorCode,
  Flag,
  Frame,
  HEAD_BYTES,
  MOST_WINDOW,
  PREFACE,
} from './frames';

/** Larger than HTTP/2's 16 KiB: fewer frames for large tensors. Only data may be in such ones. */
export const MAX_FRAME = 1 << 20;

/** Of a block of header fields in its frames; what they may mean is less. */
export const MAX_BLOCK_BYTES = 32 << 10;

const NOTHING: Buffer = Buffer.alloc(0);

/** What frames are told to, in their order. */
export interface FrameHandler {
  /** A frame of data begins, of so many bytes with its padding. */
  beginData(stream: number, bytes: number): void;
  /**
   * A part of the data, which is not written over.
   *
   * @returns whether it is kept; else its memory may be given back
   */
  data(bytes: Buffer): boolean;
  /** The frame's data is complete; as its flag says, the body with it. */
  endData(isLast: boolean): void;
  /** Any other frame, its payload there until this returns. */
  frame(type: number, flags: number, stream: number, payload: Buffer): void;
}

/** Takes what a client sends apart: after the preface one frame after the other, data as it comes. */
export class FrameReader {
  readonly #handler: FrameHandler;
  #preface = 0;
  #hasSettings = false;
  /** The beginning of a frame. */
  #rest = NOTHING;
  /** Bytes of a frame of data that are to come, and how many of them are padding. */
  #dataLeft = 0;
  #padding = 0;
  #dataEnds = false;
  /** Something of the chunk that is being read is kept. */
  #isKept = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Nothing is missing of what has begun. */
  get isBetween(): boolean {
    return this.#rest.length === 0 && this.#dataLeft === 0;
  }

  /**
   * @returns whether something of the chunk is kept
   * @throws ConnectionError for what is no HTTP/2, and as the handler
   */
  read(chunk: Buffer): boolean {
    this.#isKept = false;
    let bytes = chunk;
    let at = this.#preface < PREFACE.length ? this.#readPreface(bytes) : 0;
    while (at < bytes.length) {
      if (this.#dataLeft > 0) {
        at = this.#readData(bytes, at);
        continue;
      }
      if (this.#rest.length > 0) {
        bytes = Buffer.concat([this.#rest, bytes.subarray(at)]);
        this.#rest = NOTHING;
        at = 0;
      }
      const next = this.#readFrame(bytes, at);
      if (next === undefined) {
        this.#rest = bytes.subarray(at);
        return true;
      }
      at = next;
    }
    return this.#isKept;
  }

  #readPreface(bytes: Buffer): number {
    const count = Math.min(bytes.length, PREFACE.length - this.#preface);
    const expected = PREFACE.subarray(this.#preface, this.#preface + count);
    if (!bytes.subarray(0, count).equals(expected)) {
      throw new ConnectionError(ErrorCode.protocolError, 'HTTP/2 is spoken here, without TLS');
    }
    this.#preface += count;
    return count;
  }

  /** @returns where what follows begins; undefined if too little has come */
  #readFrame(bytes: Buffer, at: number): number | undefined {
    const left = bytes.length - at;
    if (left < HEAD_BYTES) return undefined;
    const length = bytes.readUIntBE(at, 3);
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    const stream = bytes.readUInt32BE(at + 5) & MOST_WINDOW;
    this.#check(length, type);
    const start = at + HEAD_BYTES;
    if (type === Frame.data) {
      const isPadded = (flags & Flag.padded) !== 0;
      if (isPadded && length > 0 && left === HEAD_BYTES) return undefined;
      return this.#beginData(bytes, start, length, isPadded, flags, stream);
    }
    if (left < HEAD_BYTES + length) return undefined;
    this.#handler.frame(type, flags, stream, bytes.subarray(start, start + length));
    this.#hasSettings = true;
    return start + length;
  }

  #check(length: number, type: number): void {
    if (length > MAX_FRAME) {
      throw new ConnectionError(ErrorCode.frameSizeError, `a frame has ${length} bytes`);
    }
    if (type !== Frame.data && length > MAX_BLOCK_BYTES) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, `no data, and ${length} bytes of it`);
    }
    if (!this.#hasSettings && type !== Frame.settings) {
      throw new ConnectionError(ErrorCode.protocolError, 'settings come first');
    }
  }

  #beginData(
    bytes: Buffer,
    start: number,
    length: number,
    isPadded: boolean,
    flags: number,
    stream: number,
  ): number {
    this.#padding = isPadded && length > 0 ? (bytes[start] ?? 0) : 0;
    if (stream === 0 || (isPadded && this.#padding >= length)) {
      throw new ConnectionError(ErrorCode.protocolError, 'data of no stream, or all of it padding');
    }
    const skipped = isPadded ? 1 : 0;
    this.#dataLeft = length - skipped;
    this.#dataEnds = (flags & Flag.endStream) !== 0;
    this.#handler.beginData(stream, length);
    if (this.#dataLeft === 0) this.#handler.endData(this.#dataEnds);
    return start + skipped;
  }

  #readData(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#dataLeft);
    const data = Math.min(end - start, this.#dataLeft - this.#padding);
    this.#dataLeft -= end - start;
    if (data > 0 && this.#handler.data(bytes.subarray(start, start + data))) this.#isKept = true;
    if (this.#dataLeft === 0) this.#handler.endData(this.#dataEnds);
    return end;
  }
}
