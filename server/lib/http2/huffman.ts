/** HPACK's Huffman code (RFC 7541, appendix B). */

/**
 * Bits of each octet's code, and of the end's, in base 36. Codes of one length follow each other in the order of
 * their octets, so that the lengths say all of the code.
 */
const LENGTHS = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
  'u',
].join('');

const LONGEST = 30;
const END = 256;

/** Octets in the order of their codes, and for each length the first code and where it is among them. */
const octets: number[] = [];
const firstCode = new Uint32Array(LONGEST + 2);
const firstPlace = new Uint16Array(LONGEST + 2);

for (let length = 1, code = 0; length <= LONGEST; length++) {
  firstCode[length] = code;
  firstPlace[length] = octets.length;
  for (let octet = 0; octet <= END; octet++) {
    if (Number.parseInt(LENGTHS.charAt(octet), 36) === length) octets.push(octet);
  }
  code = (code + octets.length - (firstPlace[length] ?? 0)) * 2;
}
firstPlace[LONGEST + 1] = octets.length;

/** @returns the text, or undefined for bytes that are no code, or whose padding is not what it must be */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  let text = '';
  let code = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      const place = (firstPlace[length] ?? 0) + code - (firstCode[length] ?? 0);
      if (place >= (firstPlace[length + 1] ?? 0)) {
        if (length === LONGEST) return undefined;
        continue;
      }
      const octet = octets[place] ?? END;
      if (octet === END) return undefined;
      text += String.fromCharCode(octet);
      code = 0;
      length = 0;
    }
  }
  // The beginning of the end's code: ones.
  return length < 8 && code === 2 ** length - 1 ? text : undefined;
}
