import { Members } from '../members';
import {
  ConnectionError,
  DEFAULT_FRAME,
  DEFAULT_WINDOW,
  ErrorCode,
  MOST_FRAME,
  MOST_WINDOW,
  checkFrame,
} from './frames';
import type { Http2Stream } from './stream';

/**
 * What a client has room for (RFC 9113, 5.2), on all streams and on each, and the streams that wait for more of
 * it. A client tells of more in frames of a few bytes, so that such a frame only changes numbers: what waits is
 * gone through once for all frames that came together.
 */
export class ClientRoom {
  /** Bytes on all streams. */
  window = DEFAULT_WINDOW;
  /** Bytes of a stream that has sent nothing; a change of it is one of all streams, below zero even. */
  streamWindow = DEFAULT_WINDOW;
  /** What the client takes in one frame. */
  frameBytes = DEFAULT_FRAME;
  /** When data was sent last, or was not held up. */
  lastData = Date.now();
  /** Updates of windows that what was sent may be answered with: for each frame one of its stream and one of all. */
  expectedUpdates = 0;
  readonly #blocked = new Members<Http2Stream>();
  #hasGrown = false;
  #isUnchecked = false;

  get hasBlocked(): boolean {
    return this.#blocked.size > 0;
  }

  /** A stream has something to send and waits for room. */
  block(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  /** @throws ConnectionError for more than a window may be */
  grow(more: number): void {
    checkFrame(more > 0, true);
    this.window += more;
    if (this.window > MOST_WINDOW) {
      throw new ConnectionError(ErrorCode.flowControlError, 'the window is too large');
    }
    this.#hasGrown = true;
  }

  /** @returns the error that the stream is to end with, if any */
  growStream(stream: Http2Stream, more: number): number | undefined {
    if (more === 0) return ErrorCode.protocolError;
    stream.granted += more;
    if (stream.window > MOST_WINDOW) return ErrorCode.flowControlError;
    this.#hasGrown = true;
    return undefined;
  }

  setStreamWindow(value: number): void {
    if (value > MOST_WINDOW) {
      throw new ConnectionError(ErrorCode.flowControlError, 'a window is too large');
    }
    this.#isUnchecked ||= value > this.streamWindow;
    this.#hasGrown = true;
    this.streamWindow = value;
  }

  setFrameBytes(value: number): void {
    checkFrame(value >= DEFAULT_FRAME && value <= MOST_FRAME, true);
    this.frameBytes = value;
  }

  /**
   * Sends what there is room for since it was called last.
   *
   * @throws ConnectionError for a window of a stream that has become too large
   */
  use(streams: Iterable<Http2Stream>): void {
    if (this.#isUnchecked) {
      this.#isUnchecked = false;
      for (const { window } of streams) {
        if (window > MOST_WINDOW) {
          throw new ConnectionError(ErrorCode.flowControlError, 'a window is too large');
        }
      }
    }
    if (!this.#hasGrown) return;
    this.#hasGrown = false;
    this.unblock();
  }

  /** Has those send that wait: the connection's room or memory may have been what was missing. */
  unblock(): void {
    for (const stream of this.#blocked) {
      this.#blocked.delete(stream);
      stream.send();
    }
  }
}
