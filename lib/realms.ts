import { types } from 'node:util';

/*
 * What a program hands over may be of another realm: test runners give modules globals of
 * their own, and a vm context has its own classes. So nothing is told by `instanceof`.
 */

/** What an object calls itself; undefined if asking throws. */
function tagOf(value: object): string | undefined {
  try {
    return Object.prototype.toString.call(value).slice('[object '.length, -1);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** An error of any realm, DOMException being one. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || (isObject(value) && tagOf(value) === 'DOMException');
}

/** The reason of `AbortSignal.timeout`. */
export function isTimeoutError(value: unknown): boolean {
  try {
    return isError(value) && value.name === 'TimeoutError';
  } catch {
    return false;
  }
}

/** An object made of the prototype is none: its `aborted` throws. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (!isObject(value) || tagOf(value) !== 'AbortSignal') return false;
  try {
    const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>;
    return (
      typeof aborted === 'boolean' &&
      typeof addEventListener === 'function' &&
      typeof removeEventListener === 'function'
    );
  } catch {
    return false;
  }
}

export function isUrl(value: unknown): value is URL {
  if (!isObject(value) || tagOf(value) !== 'URL') return false;
  try {
    return typeof (value as Partial<URL>).href === 'string';
  } catch {
    return false;
  }
}

export function isBlob(value: unknown): value is Blob {
  if (!isObject(value)) return false;
  const tag = tagOf(value);
  if (tag !== 'Blob' && tag !== 'File') return false;
  try {
    return typeof (value as Partial<Blob>).arrayBuffer === 'function';
  } catch {
    return false;
  }
}
