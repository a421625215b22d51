import { OnliteError, type OnliteErrorCode } from 'onlite';

import type { Outcome } from '../models';

/** The status that stands for a client that has left, whom nothing is answered. */
export const GONE = 499;

/** By HTTP's status; others by their hundreds. */
const byStatus: Readonly<Partial<Record<number, Outcome>>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'slow_client',
  413: 'too_large',
  415: 'media_type',
  429: 'overloaded',
  431: 'too_large',
  [GONE]: 'cancelled',
  501: 'unsupported',
  503: 'unavailable',
  504: 'timeout',
};

/** What the status does not say. */
const byCode: Readonly<Partial<Record<OnliteErrorCode, Outcome>>> = {
  ERR_RUN_FAILED: 'run_failed',
  ERR_QUEUE_FULL: 'overloaded',
  ERR_POOL_EXHAUSTED: 'overloaded',
  ERR_OUT_OF_MEMORY: 'overloaded',
};

/** What a request has come to, by the status that it was answered with, and by what went wrong if something did. */
export function outcomeOf(status: number, error?: unknown): Outcome {
  const more = error instanceof OnliteError ? byCode[error.code] : undefined;
  if (more !== undefined) return more;
  return byStatus[status] ?? (status < 400 ? 'success' : status < 500 ? 'malformed' : 'internal');
}
