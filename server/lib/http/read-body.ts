import type { IncomingMessage } from 'node:http';

import type { BodyShare } from '../body-budget';
import { releaseParts } from '../memory-pool';
import { RequestError } from '../wire/errors';
import { Body } from '../wire/request';
import { Gathering } from '../wire/gathering';
import { decompress, requestEncoding, type Encoding } from '../wire/encodings';

/** What can be said of a body by the headers alone. */
export interface AnnouncedBody {
  readonly encoding: Encoding | undefined;
  readonly isEmpty: boolean;
  /** Bytes; undefined where that is not said. */
  readonly length: number | undefined;
}

/** @throws RequestError 413 for a body that says that it is larger, 415 for an unknown compression */
export function announcedBody({ headers }: IncomingMessage, maxBytes: number): AnnouncedBody {
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > maxBytes) throw tooLarge(maxBytes);
  const isEmpty = headers['transfer-encoding'] === undefined && (length ?? '0') === '0';
  return {
    encoding: requestEncoding(headers['content-encoding']),
    isEmpty,
    length: length === undefined ? undefined : Number(length),
  };
}

const tooLarge = (maxBytes: number): RequestError =>
  new RequestError(413, `the body has more than ${maxBytes} bytes`, { Connection: 'close' });

/** The client left, or the connection broke: there is nobody to answer. */
export class ClientGone extends Error {}

/**
 * Reads a request's body, as long as it is no larger than it may be and there is room, and calls one of two functions
 * once. What there is no room for waits where the client has it.
 *
 * @param isOwner - nobody else reads the request
 * @param fail - with RequestError 400, 408 or 413, Overloaded, ClientGone
 */
export function readBody(
  request: IncomingMessage,
  { encoding, isEmpty, length: announced = 0 }: AnnouncedBody,
  maxBytes: number,
  share: BodyShare | undefined,
  isOwner: boolean,
  done: (body: Body) => void,
  fail: (error: unknown) => void,
): void {
  if (isEmpty) {
    request.resume();
    done(new Body([]));
    return;
  }
  if (request.destroyed) {
    fail(new ClientGone());
    return;
  }
  // Binary tensors are copied from where they are, what is packed is small, and all else is wanted in one piece.
  const isWhole = encoding === undefined && request.headers[BINARY] === undefined;
  const parts = new Gathering(isWhole ? announced : 0, isOwner);
  let isOver = false;
  const end = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    if (share !== undefined) share.sender = undefined;
    parts.discard();
    request.removeAllListeners('data');
    request.pause();
    fail(error);
  };
  if (share !== undefined) share.sender = { isAwaited: () => true, cut: end };
  request.on('data', (chunk: Buffer) => {
    if (isOver) return;
    parts.add(chunk);
    if (parts.length > maxBytes) end(tooLarge(maxBytes));
    else if (share !== undefined && !share.tryGrow(parts.length)) {
      request.pause();
      share.wait(parts.length).then(() => request.resume(), end);
    }
  });
  request.on('end', () => {
    if (isOver) return;
    isOver = true;
    if (share !== undefined) share.sender = undefined;
    const body = parts.body();
    if (encoding === undefined) done(body);
    else {
      // Where it is given up, a thread may be reading the bytes: they are the garbage collector's then.
      decompress(body.bytes(), encoding, maxBytes, share).then((unpacked) => {
        body.release();
        done(unpacked);
      }, fail);
    }
  });
  const gone = (): void => {
    // Every request closes in the end.
    if (!isOver) end(new ClientGone());
  };
  request.on('error', gone);
  request.on('close', gone);
}

/**
 * Reads a body that nobody wants, so that the connection goes on.
 *
 * @param isOwner - nobody else reads the request: its memory is given back at once, as the garbage collector would late
 */
export function throwAway(request: IncomingMessage, isOwner: boolean): void {
  request.on('data', (chunk: Buffer) => {
    if (isOwner) releaseParts([chunk]);
  });
}

/** Where the JSON part of a body with binary tensors ends. */
const BINARY = 'inference-header-content-length';
