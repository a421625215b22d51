import type { IncomingMessage } from 'node:http';

import { RequestError } from '../wire/errors';
import { Body } from '../wire/request';
import { decompress, requestEncoding, type Encoding } from './encodings';

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
 * Reads a request's body, as long as it is no larger than it may be.
 *
 * @throws RequestError 400 or 413; ClientGone
 */
export function readBody(
  request: IncomingMessage,
  { encoding, isEmpty }: AnnouncedBody,
  maxBytes: number,
): Promise<Body> | Body {
  if (isEmpty) {
    request.resume();
    return new Body([]);
  }
  const received = new Promise<Body>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) {
        chunks.length = 0;
        request.removeAllListeners('data');
        request.pause();
        reject(tooLarge(maxBytes));
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(new Body(chunks)));
    request.on('error', () => reject(new ClientGone()));
    request.on('close', () => reject(new ClientGone()));
  });
  if (encoding === undefined) return received;
  return received.then(
    async (body) => new Body([await decompress(body.bytes(), encoding, maxBytes)]),
  );
}
