import { badRequest } from '../errors';
import { decodeText } from '../tensors/text';

/**
 * Reads elements of BYTES: each is its length as a uint32, little-endian, and its bytes. Tensors of
 * strings hold text, so bytes that are no UTF-8 are refused.
 */
export function readStrings(bytes: Buffer, count: number, path: string): string[] {
  // Each takes 4 bytes at least: a count that lies is refused before anything is made for it.
  if (count * 4 > bytes.length) {
    throw badRequest(path, `expected ${count} elements in ${bytes.length} bytes`);
  }
  const strings: string[] = [];
  let position = 0;
  while (position < bytes.length) {
    if (position + 4 > bytes.length) throw badRequest(path, 'ends within the length of an element');
    const start = position + 4;
    position = start + bytes.readUInt32LE(position);
    if (position > bytes.length) {
      throw badRequest(path, `element ${strings.length} goes beyond the end of the tensor`);
    }
    strings.push(decodeText(bytes.subarray(start, position), `${path}: element ${strings.length}`));
  }
  if (strings.length === count) return strings;
  throw badRequest(path, `expected ${count} elements, got ${strings.length}`);
}

/** Strings as elements of BYTES. */
export function writeStrings(strings: readonly string[]): Buffer {
  const lengths = strings.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, 0));
  let position = 0;
  for (const [index, text] of strings.entries()) {
    position = bytes.writeUInt32LE(lengths[index] ?? 0, position);
    position += bytes.write(text, position);
  }
  return bytes;
}
