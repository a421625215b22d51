import { native } from '../../engine/addon/native';

export type Values = Float32Array | Float64Array;

/** What a tensor's values lie between, those aside that are not finite. */
export interface Extent {
  /** Infinity where there is no finite value. */
  readonly min: number;
  readonly max: number;
  readonly nans: number;
  readonly infinities: number;
}

const result = new Float64Array(4);

export function extentOf(values: Values): Extent {
  native().extentOf(values, result);
  const [min = Infinity, max = -Infinity, nans = 0, infinities = 0] = result;
  return { min, max, nans, infinities };
}
