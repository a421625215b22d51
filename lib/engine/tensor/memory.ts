import { constants } from 'node:buffer';

import type { NumericData } from './element-type';
import { OnliteError } from '../../errors';

/** From so many bytes on it pays not to fill an array with zeros first. */
const largeBytes = 32 << 10;
const allocateUnsafe = Buffer.allocUnsafeSlow.bind(Buffer);

/** Memory of exactly so many bytes, whatever they hold. @throws RangeError if there is none. */
export function newBuffer(bytes: number): ArrayBuffer {
  if (bytes < largeBytes || bytes > constants.MAX_LENGTH) return new ArrayBuffer(bytes);
  const { buffer } = allocateUnsafe(bytes);
  return buffer.byteLength === bytes ? buffer : new ArrayBuffer(bytes);
}

/**
 * An array over a buffer, which may have more elements than JavaScript's arrays can.
 *
 * @param buffer - or the bytes of a new one
 * @param what - what the array is for
 * @throws OnliteError ERR_OUT_OF_MEMORY with the RangeError as its cause.
 */
export function newArray<Elements extends NumericData>(
  constructor: new (buffer: ArrayBuffer) => Elements,
  buffer: ArrayBuffer | number,
  what = 'a result',
): Elements {
  try {
    return new constructor(typeof buffer === 'number' ? newBuffer(buffer) : buffer);
  } catch (cause) {
    const bytes = typeof buffer === 'number' ? buffer : buffer.byteLength;
    throw new OnliteError('ERR_OUT_OF_MEMORY', `out of memory for ${what} of ${bytes} bytes`, {
      cause,
    });
  }
}

/**
 * A new array of zeros.
 *
 * @throws OnliteError ERR_OUT_OF_MEMORY with the RangeError as its cause.
 */
export function zeros(
  constructor: new (length: number) => NumericData,
  length: number,
  what: string,
): NumericData {
  try {
    return new constructor(length);
  } catch (cause) {
    const message = `out of memory for ${what} of ${length} elements`;
    throw new OnliteError('ERR_OUT_OF_MEMORY', message, { cause });
  }
}
