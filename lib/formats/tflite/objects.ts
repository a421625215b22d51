/**
 * A TensorFlow Lite model's tables as objects to be changed, with the names of its schema. Fields
 * that are not there have the schema's defaults.
 */

/** A field of a table that the schema does not know. */
export interface UnknownField {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** It may be the place of something else in the file, and then cannot be written elsewhere. */
  readonly mayRefer: boolean;
}

/** A table. */
export interface TableT {
  unknownFields?: UnknownField[];
}

export interface OperatorCodeT extends TableT {
  /** Codes up to 126, which are in `builtinCode` too; later ones are 127 here. */
  deprecatedBuiltinCode?: number;
  customCode?: string;
  /** Default 1. */
  version?: number;
  builtinCode?: number;
}

export interface QuantizationParametersT extends TableT {
  min?: number[];
  max?: number[];
  /** One value, or one for each channel of `quantizedDimension`. */
  scale?: number[];
  zeroPoint?: bigint[];
  detailsType?: number;
  details?: TableT & Record<string, unknown>;
  quantizedDimension?: number;
}

export interface SparseIndexVectorT extends TableT {
  values?: number[] | Uint8Array;
}

export interface DimensionMetadataT extends TableT {
  /** 0 dense, 1 compressed. */
  format?: number;
  denseSize?: number;
  arraySegmentsType?: number;
  arraySegments?: SparseIndexVectorT;
  arrayIndicesType?: number;
  arrayIndices?: SparseIndexVectorT;
}

export interface SparsityParametersT extends TableT {
  traversalOrder?: number[];
  blockMap?: number[];
  dimMetadata?: DimensionMetadataT[];
}

export interface VariantSubTypeT extends TableT {
  shape?: number[];
  type?: number;
  hasRank?: boolean;
}

export interface TensorT extends TableT {
  shape?: number[];
  /** A number of `TensorType`, default float32. */
  type?: number;
  /** Index into the model's `buffers`, default 0: the one without data. */
  buffer?: number;
  name?: string;
  quantization?: QuantizationParametersT;
  isVariable?: boolean;
  sparsity?: SparsityParametersT;
  /** As `shape`, with −1 for dynamic dims. */
  shapeSignature?: number[];
  hasRank?: boolean;
  variantTensors?: VariantSubTypeT[];
  externalBuffer?: number;
}

/** What an operator's options hold, by the names of its table. */
export type OptionsT = TableT & Record<string, unknown>;

export interface OperatorT extends TableT {
  /** Index into the model's `operatorCodes`, default 0. */
  opcodeIndex?: number;
  /** Tensors of the subgraph; −1 is an optional one left out. */
  inputs: number[];
  outputs: number[];
  /** The number of the options' table in the union `BuiltinOptions`. */
  builtinOptionsType?: number;
  builtinOptions?: OptionsT;
  customOptions?: Uint8Array;
  customOptionsFormat?: number;
  mutatingVariableInputs?: Uint8Array;
  intermediates?: number[];
  builtinOptions2Type?: number;
  builtinOptions2?: OptionsT;
  debugMetadataIndex?: number;
}

export interface SubGraphT extends TableT {
  tensors: TensorT[];
  inputs: number[];
  outputs: number[];
  operators: OperatorT[];
  name?: string;
  debugMetadataIndex?: number;
}

export interface BufferT extends TableT {
  data?: Uint8Array;
}

export interface MetadataT extends TableT {
  name?: string;
  /** Index into the model's `buffers`. */
  buffer?: number;
}

export interface TensorMapT extends TableT {
  name?: string;
  tensorIndex?: number;
}

export interface SignatureDefT extends TableT {
  inputs: TensorMapT[];
  outputs: TensorMapT[];
  signatureKey?: string;
  subgraphIndex?: number;
}

export interface ModelT extends TableT {
  version?: number;
  operatorCodes: OperatorCodeT[];
  subgraphs: SubGraphT[];
  description?: string;
  buffers: BufferT[];
  metadataBuffer?: number[];
  metadata: MetadataT[];
  signatureDefs: SignatureDefT[];
  externalBufferGroups?: OptionsT[];
  externalBuffers?: OptionsT[];
}
