import { invalidArgument } from '../errors';
import { native } from './addon/native';
import { typedArrayName } from './tensor/typed-array';

/**
 * Gives an array's memory back now, which else is the garbage collector's to find: it sees small
 * objects, and lets tens of megabytes of what they stand for pile up. For large buffers that come
 * often and are read once, such as the parts of a request's body, this saves collections.
 *
 * The array, and all others over its ArrayBuffer, are empty afterwards (their buffer is detached).
 * A tensor over it fails with ERR_BUFFER_DETACHED; a run that has begun keeps what it needs.
 *
 * @param bytes - over the whole of its ArrayBuffer, which nobody reads any more
 * @returns false, and nothing is done, for an array over a part of its buffer (such as a Buffer of
 * Node's pool), over a SharedArrayBuffer, and over memory that cannot be detached, as that of a
 * {@link TensorPool}
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is no Uint8Array, ERR_BUFFER_DETACHED
 */
export function releaseBytes(bytes: Uint8Array): boolean {
  if (typedArrayName(bytes) !== 'Uint8Array') throw invalidArgument('bytes', 'a Uint8Array', bytes);
  return native().releaseBytes(bytes);
}
