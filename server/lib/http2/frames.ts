/** The frames of HTTP/2 (RFC 9113), by the names that it has for them. */

export const Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** What a client says first. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Bytes of a frame before its payload. */
export const HEAD_BYTES = 9;

/** Windows and frames of a side that has said nothing. */
export const DEFAULT_WINDOW = 65_535;
export const DEFAULT_FRAME = 16_384;
export const MOST_FRAME = (1 << 24) - 1;
export const MOST_WINDOW = 0x7fff_ffff;

/** What ends a connection: the client is told and hung up on. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** @throws ConnectionError for a frame of a wrong stream or with a wrong value, or of a wrong size */
export function checkFrame(isRight: boolean, hasRightSize: boolean): void {
  if (!hasRightSize) throw new ConnectionError(ErrorCode.frameSizeError, 'a frame of a wrong size');
  if (!isRight) throw new ConnectionError(ErrorCode.protocolError, 'a frame that is out of place');
}

/** RFC 9113 has given priorities up; they are read, and mean nothing. @throws ConnectionError */
export function checkPriority(stream: number, dependsOn: number): void {
  if ((dependsOn & MOST_WINDOW) !== stream) return;
  throw new ConnectionError(ErrorCode.protocolError, 'a stream depends on itself');
}
