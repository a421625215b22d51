import { OnliteError } from '../../errors';

export interface NpyDtype {
  /** onlite's name of the element type. */
  readonly type: string;
  /** Bytes of one element. */
  readonly itemSize: number;
  /** Bytes that are reversed together when the file is big-endian: half an element for complex. */
  readonly swapSize: number;
  readonly bigEndian: boolean;
  /** How strings are stored: fixed width, padded with zeros. */
  readonly text?: 'ucs4' | 'bytes';
}

/** NumPy's kind and size, and our name. */
const NUMERIC: ReadonlyMap<string, string> = new Map([
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['u8', 'uint64'],
  ['b1', 'bool'],
  ['c8', 'complex64'],
  ['c16', 'complex128'],
]);

const CODES: ReadonlyMap<string, string> = new Map(
  [...NUMERIC].map(([code, type]) => [type, code] as const),
);

/** Longest fixed-width string in characters; beyond it a header is damaged or hostile. */
const MAX_STRING_WIDTH = 1 << 24;

/**
 * Reads a `descr` such as `<f4`, `|b1` or `>U5`.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for objects, dates, records and other kinds.
 */
export function parseDtype(descr: string): NpyDtype {
  const match = /^([<>|=])([a-zA-Z])(\d{1,8})$/.exec(descr);
  const [, order = '', kind = '', digits = ''] = match ?? [];
  const size = Number(digits);
  const bigEndian = order === '>';
  if (kind === 'U' && size <= MAX_STRING_WIDTH) {
    return { type: 'string', itemSize: size * 4, swapSize: 4, bigEndian, text: 'ucs4' };
  }
  if (kind === 'S' && size <= MAX_STRING_WIDTH) {
    return { type: 'string', itemSize: size, swapSize: 1, bigEndian: false, text: 'bytes' };
  }
  const type = NUMERIC.get(kind + digits);
  if (!type) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `npy: element type '${descr}' is not supported`);
  }
  return { type, itemSize: size, swapSize: kind === 'c' ? size / 2 : size, bigEndian };
}

/**
 * The `descr` that stores a numeric type, little-endian. NumPy has no bfloat16: its bit patterns
 * are stored as uint16 (`x.view(ml_dtypes.bfloat16)` brings them back).
 */
export function dtypeDescr(type: string): string | undefined {
  if (type === 'bfloat16') return '<u2';
  const code = CODES.get(type);
  if (code === undefined) return undefined;
  return (code.endsWith('1') ? '|' : '<') + code;
}
