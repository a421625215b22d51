import { OnliteError } from 'onlite';

const codes = new Set([
  'ERR_RUNTIME_NOT_FOUND',
  'ERR_MODEL_NOT_FOUND',
  'ERR_MODEL_UNREADABLE',
  'ERR_MODEL_INVALID',
  'ERR_INVALID_ARGUMENT',
  'ERR_TYPE_MISMATCH',
  'ERR_SHAPE_MISMATCH',
  'ERR_PROVIDER_UNAVAILABLE',
  'ERR_QUEUE_FULL',
  'ERR_TIMEOUT',
  'ERR_CANCELLED',
  'ERR_BUSY',
  'ERR_BUFFER_DETACHED',
  'ERR_TENSOR_DISPOSED',
  'ERR_POOL_EXHAUSTED',
  'ERR_OUT_OF_MEMORY',
  'ERR_SESSION_RELEASED',
  'ERR_UNSUPPORTED',
  'ERR_RUN_FAILED',
]);

/** An OnliteError with a code of the documented list and a message. */
export function isTyped(error) {
  return error instanceof OnliteError && codes.has(error.code) && error.message.length > 0;
}

/** One line about an error, for messages of failed tests. */
export function summary(error) {
  if (!(error instanceof Error)) return `not an Error: ${typeof error}`;
  return `${error.constructor.name} ${error.code ?? ''} ${error.message}`.slice(0, 300);
}
