import { reversedCrc } from './crc';

/** CRC-32C (Castagnoli) of the bytes, an unsigned integer (RFC 3720, appendix B.4). */
export const crc32c = reversedCrc(0x82f63b78);

/** The checksum as TFRecord files have it: turned and moved, so that one of checksums is none. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
