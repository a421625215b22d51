/** The stable codes of {@link OnliteError}. */
export type OnliteErrorCode =
  | 'ERR_RUNTIME_NOT_FOUND'
  | 'ERR_MODEL_NOT_FOUND'
  | 'ERR_MODEL_UNREADABLE'
  | 'ERR_MODEL_INVALID'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_TYPE_MISMATCH'
  | 'ERR_SHAPE_MISMATCH'
  | 'ERR_PROVIDER_UNAVAILABLE'
  | 'ERR_QUEUE_FULL'
  | 'ERR_TIMEOUT'
  | 'ERR_CANCELLED'
  | 'ERR_BUSY'
  | 'ERR_BUFFER_DETACHED'
  | 'ERR_TENSOR_DISPOSED'
  | 'ERR_POOL_EXHAUSTED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_SESSION_RELEASED'
  | 'ERR_UNSUPPORTED'
  | 'ERR_RUN_FAILED';

/**
 * Every error that onlite raises. `code` is stable; `message` names the path of
 * what is wrong and what was expected; `cause` carries the runtime's own words
 * (or, for a cancelled run, the signal's reason).
 */
export class OnliteError extends Error {
  readonly code: OnliteErrorCode;

  constructor(code: OnliteErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    // A cancelled run is recognised as any other aborted operation is. Defined,
    // not assigned, which fails where Error.prototype is frozen.
    const value = code === 'ERR_CANCELLED' ? 'AbortError' : 'OnliteError';
    Object.defineProperty(this, 'name', { value, configurable: true, writable: true });
  }
}

/** Shorthand for the most common error: `path: expected …, got …`. */
export function invalidArgument(path: string, expected: string, got: unknown): OnliteError {
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `${path}: expected ${expected}, got ${describe(got)}`,
  );
}

/** The error of a constructor that only onlite calls; JavaScript knows no private ones. */
export function noConstructor(name: string, instead: string): OnliteError {
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `new ${name}: not for programs; ${instead} makes one`,
  );
}

/** A short description of any value for a message; calls nothing of the value's own. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`;
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of length ${value.length}`;
      return ArrayBuffer.isView(value) ? Object.prototype.toString.call(value) : 'an object';
    default:
      return `a ${typeof value}`;
  }
}
