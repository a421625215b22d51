import type { NumericData } from '../tensor/element-type';
import type { NativeTensors } from './native';

/** What parseNumbers takes and refuses (native/napi/numbers). */
export const parseFlag = {
  refuseNonFinite: 1,
  refuseOverflow: 2,
  wholeNumbers: 4,
  boolNumbers: 8,
  partial: 16,
} as const;

/** How printNumbers writes. */
export const printFlag = { refuseNonFinite: 1, decimalPoint: 2, general: 4 } as const;

/** What the addon reads and prints as JSON. */
export interface NativeNumbers {
  /**
   * JSON text into elements. Infinity is no limit; `path` is what messages begin with.
   *
   * @returns where the value ends, its elements unless they are in `out`, and its dims
   */
  parseNumbers(
    bytes: Uint8Array,
    begin: number,
    end: number,
    type: number,
    flags: number,
    maxDepth: number,
    maxElements: number,
    maxBytes: number,
    path: string,
    out: NumericData | undefined,
  ): [end: number, elements: ArrayBuffer | null, ...dims: number[]];
  /**
   * A tensor, encoded as one of {@link NativeTensors}, into JSON text.
   *
   * @returns how long the text is, the text unless it is in `out` from `begin` on, and with `rows` a
   *   Float64Array's buffer of where each ends
   */
  printNumbers(
    tensor: NativeTensors,
    flags: number,
    maxBytes: number,
    path: string,
    out: Uint8Array | undefined,
    begin: number,
    rows: boolean,
  ): [length: number, text: ArrayBuffer | null, ends: ArrayBuffer | null];
}
