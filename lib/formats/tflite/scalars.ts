import type { Flatbuffer } from '../flatbuffer';

/** How values of a type lie in a flatbuffer. */
interface ScalarCodec {
  readonly size: number;
  readonly read: (file: Flatbuffer, offset: number) => unknown;
  readonly write: (view: DataView, offset: number, value: never) => void;
}

function codec<T>(
  size: number,
  read: (file: Flatbuffer, offset: number) => T,
  write: (view: DataView, offset: number, value: T) => void,
): ScalarCodec {
  return { size, read, write };
}

/** Integers of 64 bits are bigints. */
export const SCALARS = {
  bool: codec(
    1,
    (file, at) => file.uint8(at) !== 0,
    (view, at, value) => {
      view.setUint8(at, value ? 1 : 0);
    },
  ),
  int8: codec(
    1,
    (file, at) => file.int8(at),
    (view, at, value) => {
      view.setInt8(at, value);
    },
  ),
  uint8: codec(
    1,
    (file, at) => file.uint8(at),
    (view, at, value) => {
      view.setUint8(at, value);
    },
  ),
  int16: codec(
    2,
    (file, at) => file.int16(at),
    (view, at, value) => {
      view.setInt16(at, value, true);
    },
  ),
  uint16: codec(
    2,
    (file, at) => file.uint16(at),
    (view, at, value) => {
      view.setUint16(at, value, true);
    },
  ),
  int32: codec(
    4,
    (file, at) => file.int32(at),
    (view, at, value) => {
      view.setInt32(at, value, true);
    },
  ),
  uint32: codec(
    4,
    (file, at) => file.uint32(at),
    (view, at, value) => {
      view.setUint32(at, value, true);
    },
  ),
  float32: codec(
    4,
    (file, at) => file.float32(at),
    (view, at, value) => {
      view.setFloat32(at, value, true);
    },
  ),
  int64: codec(
    8,
    (file, at) => file.int64(at),
    (view, at, value) => {
      view.setBigInt64(at, value, true);
    },
  ),
  uint64: codec(
    8,
    (file, at) => file.uint64(at),
    (view, at, value) => {
      view.setBigUint64(at, value, true);
    },
  ),
  float64: codec(
    8,
    (file, at) => file.float64(at),
    (view, at, value) => {
      view.setFloat64(at, value, true);
    },
  ),
} as const satisfies Record<string, ScalarCodec>;

export type Scalar = keyof typeof SCALARS;
