/** A TFLite model as plain objects; positions in lists are the indices the file uses. */

export interface TfliteOperatorCode {
  /** The built-in operator's name, or the custom operator's own. */
  name: string;
  custom: boolean;
  version: number;
}

export interface TfliteQuantization {
  /** One value, or one per slice along `axis`. */
  scale: number[];
  zeroPoint: number[];
  axis: number;
}

export interface TfliteTensor {
  name: string;
  /** onlite's name of the element type, e.g. `int8`. */
  type: string;
  shape: number[];
  /** As `shape` with -1 for dynamic dims; absent when nothing is dynamic. */
  shapeSignature?: number[];
  /** Index into `buffers`. */
  buffer: number;
  isVariable: boolean;
  quantization?: TfliteQuantization;
}

export interface TfliteOperator {
  /** Index into `operatorCodes`. */
  code: number;
  /** Tensor indices; -1 is an optional input left out. */
  inputs: number[];
  outputs: number[];
}

export interface TfliteSubgraph {
  name: string;
  tensors: TfliteTensor[];
  inputs: number[];
  outputs: number[];
  operators: TfliteOperator[];
}

/** Where constant data lies in the file; size 0 for tensors that are computed. */
export interface TfliteBuffer {
  offset: number;
  size: number;
}

export interface TfliteSignature {
  key: string;
  subgraph: number;
  /** Signature name and tensor index, in the file's order. */
  inputs: { name: string; tensor: number }[];
  outputs: { name: string; tensor: number }[];
}

export interface TfliteMetadata {
  name: string;
  /** Index into `buffers`. */
  buffer: number;
}

export interface TfliteModel {
  /** The schema's version, 3 for every model of today. */
  schemaVersion: number;
  description: string;
  operatorCodes: TfliteOperatorCode[];
  subgraphs: TfliteSubgraph[];
  buffers: TfliteBuffer[];
  metadata: TfliteMetadata[];
  signatures: TfliteSignature[];
}
