import { OnliteError } from '../../errors';
import type { NpyDtype } from './dtype';

/** Largest array of strings that is written: the widest string sets the width of all. */
const MAX_TEXT_BYTES = 2 ** 31;

/** Fixed-width strings without their padding; byte strings are taken as UTF-8. */
export function decodeStrings(bytes: Uint8Array, dtype: NpyDtype, count: number): string[] {
  const width = dtype.itemSize;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const byteString = (start: number): string => {
    let end = start + width;
    while (end > start && bytes[end - 1] === 0) end--;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  };
  const ucs4 = (start: number): string => {
    let end = start + width;
    while (end > start && view.getUint32(end - 4, true) === 0) end -= 4;
    let text = '';
    for (let at = start; at < end; at += 4) {
      const code = view.getUint32(at, true);
      if (code > 0x10ffff) {
        throw new OnliteError('ERR_INVALID_ARGUMENT', `npy: ${code} is not a code point`);
      }
      text += String.fromCodePoint(code);
    }
    return text;
  };
  const decode = dtype.text === 'ucs4' ? ucs4 : byteString;
  return Array.from({ length: count }, (_, index) => decode(index * width));
}

/** Strings as `<U…` of the longest one's width. Trailing NULs are lost, as in NumPy. */
export function encodeStrings(strings: readonly string[]): { descr: string; bytes: Uint8Array } {
  const codes = strings.map((text) => Array.from(text, (letter) => letter.codePointAt(0) ?? 0));
  // NumPy reads width 0 but never writes it.
  const width = codes.reduce((longest, letters) => Math.max(longest, letters.length), 1);
  const size = width * 4 * strings.length;
  if (size > MAX_TEXT_BYTES) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `npy: ${strings.length} strings of ${width} characters are too large`,
    );
  }
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  codes.forEach((letters, index) => {
    letters.forEach((code, at) => {
      view.setUint32((index * width + at) * 4, code, true);
    });
  });
  return { descr: `<U${width}`, bytes };
}
