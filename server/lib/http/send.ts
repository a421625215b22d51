import type { IncomingMessage, ServerResponse } from 'node:http';

import { lengthOf, partsOf, type WireAnswer } from '../wire/request';
import { answerEncoding, compress } from '../wire/encodings';

/** Milliseconds in which a client has to take something of an answer. */
const STALLED_MS = 60_000;

/** Below this a compressed answer saves no packet. */
const COMPRESSED_FROM = 1024;

/**
 * Sends an answer. What its body's bytes are in is released when they were sent, or when it is known
 * that they never will be.
 */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: WireAnswer,
  mayCompress: boolean,
): void {
  const { status, type, headers, body, release } = answer;
  const isBytes = answer.isLatin1 === true && typeof body === 'string';
  if (response.destroyed || response.headersSent) {
    release?.();
    return;
  }
  const length = isBytes ? body.length : lengthOf(body);
  const accepts = request.headers['accept-encoding'];
  const encoding =
    mayCompress && accepts !== undefined && length >= COMPRESSED_FROM
      ? answerEncoding(accepts)
      : undefined;
  const fields: Record<string, string | number> = { 'Content-Type': type, ...headers };
  if (encoding !== undefined) {
    const whole = isBytes
      ? Buffer.from(body, 'latin1')
      : Buffer.concat(partsOf(body).map((part) => Buffer.from(part as Uint8Array)));
    release?.();
    void compress(whole, encoding).then(
      (packed) => {
        if (response.destroyed) return;
        Object.assign(fields, { 'Content-Encoding': encoding, Vary: 'Accept-Encoding' });
        response.writeHead(status, { ...fields, 'Content-Length': packed.length });
        response.end(packed);
      },
      () => response.destroy(),
    );
    return;
  }
  if (release !== undefined) afterSending(response, release);
  fields['Content-Length'] = length;
  response.writeHead(status, fields);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (isBytes) {
    response.end(body, 'latin1');
    return;
  }
  const all = partsOf(body);
  if (all.length === 1) {
    response.end(all[0]);
    return;
  }
  response.cork();
  for (const part of all.slice(0, -1)) response.write(part);
  response.end(all.at(-1));
  response.uncork();
}

function afterSending(response: ServerResponse, release: () => void): void {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    release();
  };
  response.once('finish', once);
  response.once('close', once);
  // A client that takes nothing of its answer holds the memory that it is in.
  response.setTimeout(STALLED_MS, () => response.destroy());
}
