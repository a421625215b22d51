/**
 * A cyclic redundancy check of 32 bits, its bits reversed, which begins with and is inverted by ones.
 *
 * @param polynomial - its bits reversed
 */
export function reversedCrc(polynomial: number): (bytes: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
  return (bytes) => {
    let crc = 0xffffffff;
    for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] ?? 0);
    return ~crc >>> 0;
  };
}
