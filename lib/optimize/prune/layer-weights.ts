import type { WeightMatrix } from './weight-matrix';

/** A layer, as reports and options name it. */
export interface LayerName {
  readonly node: string;
  readonly operator: string;
}

/** A constant of 32-bit floats that layers multiply by. */
export interface LayerWeights {
  /** The constant's own, which channels are told by. */
  readonly name: string;
  /** The layers that use it. */
  readonly layers: readonly LayerName[];
  /** The dimension along which the outputs lie. */
  readonly outputAxis: number;
  readonly matrix: WeightMatrix;
  /** A copy of the elements. */
  values(): Float32Array<ArrayBuffer>;
  /** Puts others, as many, in their place. */
  replace(values: Float32Array): void;
}
