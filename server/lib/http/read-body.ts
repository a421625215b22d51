import type { IncomingMessage } from 'node:http';

import { RequestError } from '../wire/errors';
import { Body } from '../wire/request';
import { decompress, requestEncoding, type Encoding } from '../wire/encodings';

/** What can be said of a body by the headers alone. */
export interface AnnouncedBody {
  readonly encoding: Encoding | undefined;
  readonly isEmpty: boolean;
}

/** @throws RequestError 413 for a body that says that it is larger, 415 for an unknown compression */
export function announcedBody({ headers }: IncomingMessage, maxBytes: number): AnnouncedBody {
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > maxBytes) throw tooLarge(maxBytes);
  const isEmpty = headers['transfer-encoding'] === undefined && (length ?? '0') === '0';
  return { encoding: requestEncoding(headers['content-encoding']), isEmpty };
}

const tooLarge = (maxBytes: number): RequestError =>
  new RequestError(413, `the body has more than ${maxBytes} bytes`, { Connection: 'close' });

/** The client left, or the connection broke: there is nobody to answer. */
export class ClientGone extends Error {}

/**
 * Reads a request's body, as long as it is no larger than it may be, and calls one of two functions once.
 *
 * @param fail - with RequestError 400 or 413, ClientGone
 */
export function readBody(
  request: IncomingMessage,
  { encoding, isEmpty }: AnnouncedBody,
  maxBytes: number,
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
  const chunks: Buffer[] = [];
  let length = 0;
  let isOver = false;
  request.on('data', (chunk: Buffer) => {
    if (isOver) return;
    length += chunk.length;
    chunks.push(chunk);
    if (length <= maxBytes) return;
    isOver = true;
    chunks.length = 0;
    request.removeAllListeners('data');
    request.pause();
    fail(tooLarge(maxBytes));
  });
  request.on('end', () => {
    if (isOver) return;
    isOver = true;
    const body = new Body(chunks);
    if (encoding === undefined) done(body);
    else {
      decompress(body.bytes(), encoding, maxBytes).then((bytes) => done(new Body([bytes])), fail);
    }
  });
  const gone = (): void => {
    if (isOver) return;
    isOver = true;
    fail(new ClientGone());
  };
  request.on('error', gone);
  request.on('close', gone);
}
