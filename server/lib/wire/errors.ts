import { OnliteError, type OnliteErrorCode } from 'onlite';

import { ModelError, Overloaded, type ModelErrorKind } from '../models';

/** What a client did wrong, with the HTTP status that says so. */
export class RequestError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, headers?: Readonly<Record<string, string>>) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.headers = headers;
  }
}

/** A request that is wrong at `path`, such as `inputs[0].shape[1]`. */
export const badRequest = (path: string, message: string): RequestError =>
  new RequestError(400, path === '' ? message : `${path}: ${message}`);

const statusOfModel: Readonly<Record<ModelErrorKind, number>> = {
  'not-found': 404,
  'not-ready': 503,
  'bad-request': 400,
  forbidden: 403,
  overloaded: 429,
};

/**
 * ERR_RUN_FAILED is 400: names, types and shapes have been right before, and what a model cannot do then
 * is with the values that it was given, such as an index that is out of range.
 */
const statusOfCode: Readonly<Partial<Record<OnliteErrorCode, number>>> = {
  ERR_INVALID_ARGUMENT: 400,
  ERR_TYPE_MISMATCH: 400,
  ERR_SHAPE_MISMATCH: 400,
  ERR_RUN_FAILED: 400,
  ERR_UNSUPPORTED: 501,
  ERR_QUEUE_FULL: 429,
  ERR_POOL_EXHAUSTED: 503,
  ERR_OUT_OF_MEMORY: 503,
  ERR_SESSION_RELEASED: 503,
  ERR_BUSY: 503,
  ERR_TIMEOUT: 504,
  ERR_CANCELLED: 499,
};

/** An error as a protocol prints it. */
export interface WireFailure {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds after which another attempt may be worth it. */
  readonly retryAfterMs?: number;
  /** What went wrong here and is nothing that a client is told. */
  readonly internal?: unknown;
}

export function failureOf(error: unknown): WireFailure {
  if (error instanceof RequestError) {
    const { status, message, headers } = error;
    return { status, message, ...(headers && { headers }) };
  }
  if (error instanceof Overloaded) {
    const { message, retryAfterMs } = error;
    // Whole seconds, as RFC 9110 has it.
    const seconds = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
    return { status: 429, message, retryAfterMs, headers: { 'Retry-After': seconds } };
  }
  if (error instanceof ModelError) {
    return { status: statusOfModel[error.kind], message: error.message };
  }
  if (error instanceof OnliteError) {
    const status = statusOfCode[error.code];
    const { cause } = error;
    const more = cause instanceof Error && !error.message.includes(cause.message);
    const message = more ? `${error.message}: ${cause.message}` : error.message;
    if (status !== undefined) return { status, message };
  }
  return { status: 500, message: 'internal error', internal: error };
}
