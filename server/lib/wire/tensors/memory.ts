import type { Tensor } from 'onlite';

import { badRequest } from '../errors';

/** A tensor's memory, which is little-endian on every platform that there is an addon for. */
export function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Any other byte than 0 or 1 is no value of a bool, and what a model makes of one is undefined. */
export function checkBooleans(bytes: Uint8Array, path: string): void {
  const wrong = bytes.findIndex((byte) => byte > 1);
  if (wrong >= 0) throw badRequest(path, `byte ${wrong}: expected 0 or 1, got ${bytes[wrong]}`);
}

export function setStrings(tensor: Tensor, strings: readonly string[]): void {
  const data = tensor.data as unknown as string[];
  for (const [index, text] of strings.entries()) data[index] = text;
}
