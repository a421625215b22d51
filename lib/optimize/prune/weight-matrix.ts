/**
 * How the weights of a layer lie: element (output, input, tap) is at
 * `output · outputStride + input · inputStride + tap · tapStride`, where the taps are those of one
 * kernel.
 */
export interface WeightMatrix {
  readonly outputs: number;
  /** Inputs of one group. */
  readonly inputs: number;
  readonly taps: number;
  readonly outputStride: number;
  readonly inputStride: number;
  readonly tapStride: number;
}
