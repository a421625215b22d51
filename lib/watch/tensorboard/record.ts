import { maskedCrc32c } from './crc32c';

/** A record of a TFRecord file: its length, the length's checksum, the data, the data's checksum. */
export function tfRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(data.byteLength + 16);
  record.writeBigUInt64LE(BigInt(data.byteLength), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.byteLength);
  return record;
}
