/**
 * The messages of an ONNX file as plain objects.
 *
 * Conventions, the same for every message:
 * - a singular field that the file does not have is absent (presence is kept through a rewrite);
 * - a repeated field is always an array, of numbers in a tensor a typed one where the file has them
 *   packed, as it should;
 * - `int64` fields that count something (dims, versions, sizes) are numbers and a file in which one
 *   is not a safe integer is refused; `int64` fields that are data (attribute values, tensor
 *   elements) are bigints, because INT64_MAX is a common and meaningful value there;
 * - bytes are views into the buffer that was read: no initializer is copied, and the buffer must
 *   not be changed while the model is in use; large ones of a file that was opened stay there;
 * - fields that the tables do not know are kept in `unknownFields` and written back.
 */

import type { TensorSource } from './source';

/** A field that the schema does not name: written back as it was read. */
export interface UnknownField {
  readonly id: number;
  readonly wireType: 0 | 1 | 2 | 5;
  readonly value: bigint | Uint8Array;
}

export interface Message {
  unknownFields?: UnknownField[];
}

export interface StringStringEntryProto extends Message {
  key?: string;
  value?: string;
}

export interface OperatorSetIdProto extends Message {
  domain?: string;
  version?: number;
}

export interface TensorSegment extends Message {
  begin?: number;
  end?: number;
}

/**
 * The elements are in exactly one place: `source`, `rawData`, the typed field that belongs to
 * `dataType`, or another file (`dataLocation` 1). `tensorBytes` reads any of them.
 */
export interface TensorProto extends Message {
  dims: number[];
  /** A value of {@link OnnxDataType}. */
  dataType?: number;
  segment?: TensorSegment;
  floatData: readonly number[] | Float32Array;
  int32Data: readonly number[] | Int32Array;
  stringData: Uint8Array[];
  int64Data: readonly bigint[] | BigInt64Array;
  name?: string;
  docString?: string;
  rawData?: Uint8Array;
  /** What would be `rawData` if it were in memory; written as such. */
  source?: TensorSource;
  doubleData: readonly number[] | Float64Array;
  uint64Data: readonly bigint[] | BigUint64Array;
  externalData: StringStringEntryProto[];
  /** 1: the data lies in another file, see `externalData`. */
  dataLocation?: number;
  metadataProps: StringStringEntryProto[];
}

export interface SparseTensorProto extends Message {
  values?: TensorProto;
  indices?: TensorProto;
  dims: number[];
}

/** At most one of `dimValue` and `dimParam` is there; neither means unknown. */
export interface DimensionProto extends Message {
  dimValue?: number;
  dimParam?: string;
  denotation?: string;
}

export interface TensorShapeProto extends Message {
  dim: DimensionProto[];
}

/** Also the shape of `TypeProto.SparseTensor`. An absent `shape` means unknown rank. */
export interface TensorTypeProto extends Message {
  elemType?: number;
  shape?: TensorShapeProto;
}

/** Also the shape of `TypeProto.Optional`. */
export interface SequenceTypeProto extends Message {
  elemType?: TypeProto;
}

export interface MapTypeProto extends Message {
  keyType?: number;
  valueType?: TypeProto;
}

export interface OpaqueTypeProto extends Message {
  domain?: string;
  name?: string;
}

export interface TypeProto extends Message {
  tensorType?: TensorTypeProto;
  sequenceType?: SequenceTypeProto;
  mapType?: MapTypeProto;
  denotation?: string;
  opaqueType?: OpaqueTypeProto;
  sparseTensorType?: TensorTypeProto;
  optionalType?: SequenceTypeProto;
}

export interface ValueInfoProto extends Message {
  name?: string;
  type?: TypeProto;
  docString?: string;
  metadataProps: StringStringEntryProto[];
}

export interface AttributeProto extends Message {
  name?: string;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
  tensors: TensorProto[];
  graphs: GraphProto[];
  docString?: string;
  tp?: TypeProto;
  typeProtos: TypeProto[];
  /** A value of {@link OnnxAttributeType}. */
  type?: number;
  refAttrName?: string;
  sparseTensor?: SparseTensorProto;
  sparseTensors: SparseTensorProto[];
}

export interface NodeProto extends Message {
  input: string[];
  output: string[];
  name?: string;
  opType?: string;
  attribute: AttributeProto[];
  docString?: string;
  domain?: string;
  overload?: string;
  metadataProps: StringStringEntryProto[];
}

/** `QuantizationAnnotation` of the specification, named TensorAnnotation in its protobuf. */
export interface QuantizationAnnotationProto extends Message {
  tensorName?: string;
  quantParameterTensorNames: StringStringEntryProto[];
}

export interface GraphProto extends Message {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  docString?: string;
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
  quantizationAnnotation: QuantizationAnnotationProto[];
  sparseInitializer: SparseTensorProto[];
  metadataProps: StringStringEntryProto[];
}

export interface FunctionProto extends Message {
  name?: string;
  input: string[];
  output: string[];
  attribute: string[];
  node: NodeProto[];
  docString?: string;
  opsetImport: OperatorSetIdProto[];
  domain?: string;
  attributeProto: AttributeProto[];
  valueInfo: ValueInfoProto[];
  overload?: string;
  metadataProps: StringStringEntryProto[];
}

export interface ModelProto extends Message {
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  /** Data, not a count: exporters write hashes and INT64_MAX here. */
  modelVersion?: bigint;
  docString?: string;
  graph?: GraphProto;
  opsetImport: OperatorSetIdProto[];
  metadataProps: StringStringEntryProto[];
  functions: FunctionProto[];
}
