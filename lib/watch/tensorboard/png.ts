import { deflateSync } from 'node:zlib';

import { invalidArgument } from '../../errors';
import { reversedCrc } from './crc';

/** Pixels row by row, 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) bytes each. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** An encoded image with its size. */
export interface EncodedImage {
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** By the number of channels, as PNG numbers them. */
const colourTypes = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

/** As ISO/IEC 15948, annex D. */
const crc32 = reversedCrc(0xedb88320);

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.byteLength);
  bytes.writeUInt32BE(data.byteLength, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.byteLength)), 8 + data.byteLength);
  return bytes;
}

const isSize = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= 1 << 16;

/** Encodes pixels as PNG (ISO/IEC 15948), 8 bits a channel, without filters. */
export function encodePng({ width, height, channels, data }: Pixels): EncodedImage {
  if (!isSize(width) || !isSize(height)) {
    throw invalidArgument('image', 'a width and a height from 1 to 65536', [width, height]);
  }
  if (!Object.hasOwn(colourTypes, channels)) {
    throw invalidArgument('image.channels', '1, 2, 3 or 4', channels);
  }
  const stride = width * channels;
  if (data.byteLength !== stride * height) {
    throw invalidArgument('image.data', `${stride * height} bytes`, data);
  }
  // Each row begins with the number of its filter: 0, none.
  const rows = Buffer.alloc((stride + 1) * height);
  for (let row = 0; row < height; row++) {
    rows.set(data.subarray(row * stride, (row + 1) * stride), row * (stride + 1) + 1);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = colourTypes[channels];
  const parts = [
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', SIGNATURE.subarray(0, 0)),
  ];
  return { width, height, png: Buffer.concat([SIGNATURE, ...parts]) };
}

/** The size of an image that is a PNG already. */
export function readPng(png: Uint8Array): EncodedImage {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  if (bytes.length < 24 || !bytes.subarray(0, 8).equals(SIGNATURE)) {
    throw invalidArgument('image', 'the bytes of a PNG, or pixels', png);
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), png };
}
