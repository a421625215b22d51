import type { ScalarKind } from './schema';

/** How each kind of value begins in protobuf's wire format. */
export const WIRE_TYPE: Record<ScalarKind, 0 | 1 | 2 | 5> = {
  string: 2,
  bytes: 2,
  data: 2,
  float: 5,
  double: 1,
  int32: 0,
  count: 0,
  int64: 0,
  uint64: 0,
};
