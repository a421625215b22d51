import type {
  AttributeProto,
  DimensionProto,
  FunctionProto,
  GraphProto,
  MapTypeProto,
  Message,
  ModelProto,
  NodeProto,
  OpaqueTypeProto,
  OperatorSetIdProto,
  QuantizationAnnotationProto,
  SequenceTypeProto,
  SparseTensorProto,
  StringStringEntryProto,
  TensorProto,
  TensorSegment,
  TensorShapeProto,
  TensorTypeProto,
  TypeProto,
  ValueInfoProto,
} from './types';

/**
 * `count` is an int64 read as a number, `int64` and `uint64` are read as bigints; `data` are bytes
 * that may be elsewhere, as `rawData` or `source`.
 */
export type ScalarKind =
  'string' | 'bytes' | 'data' | 'float' | 'double' | 'int32' | 'count' | 'int64' | 'uint64';

export interface Field {
  readonly id: number;
  readonly name: string;
  /** A function for messages, because their schemas refer to each other in circles. */
  readonly kind: ScalarKind | (() => Schema);
  readonly repeated: boolean;
  /**
   * Written packed. Both forms are read, whichever is declared; one packed block becomes a typed
   * array.
   */
  readonly packed: boolean;
}

export interface Schema {
  readonly name: string;
  readonly fields: readonly Field[];
  /** The fields from the last to the first, as they are written. */
  readonly backwards: readonly Field[];
  readonly byId: ReadonlyMap<number, Field>;
}

type FieldSpec = Omit<Field, 'name'>;

const one = (id: number, kind: Field['kind']): FieldSpec => ({
  id,
  kind,
  repeated: false,
  packed: false,
});
const many = (id: number, kind: Field['kind']): FieldSpec => ({
  id,
  kind,
  repeated: true,
  packed: false,
});
const packed = (id: number, kind: ScalarKind): FieldSpec => ({
  id,
  kind,
  repeated: true,
  packed: true,
});

function message<T extends Message>(
  name: string,
  specs: Record<Exclude<keyof T & string, 'unknownFields' | 'source'>, FieldSpec>,
): Schema {
  const fields = Object.entries<FieldSpec>(specs)
    .map(([key, spec]) => ({ name: key, ...spec }))
    .sort((a, b) => a.id - b.id);
  const byId = new Map(fields.map((field) => [field.id, field]));
  return { name, fields, backwards: [...fields].reverse(), byId };
}

const entry = message<StringStringEntryProto>('StringStringEntryProto', {
  key: one(1, 'string'),
  value: one(2, 'string'),
});

const operatorSetId = message<OperatorSetIdProto>('OperatorSetIdProto', {
  domain: one(1, 'string'),
  version: one(2, 'count'),
});

const segment = message<TensorSegment>('TensorProto.Segment', {
  begin: one(1, 'count'),
  end: one(2, 'count'),
});

export const tensorSchema = message<TensorProto>('TensorProto', {
  dims: many(1, 'count'),
  dataType: one(2, 'int32'),
  segment: one(3, () => segment),
  floatData: packed(4, 'float'),
  int32Data: packed(5, 'int32'),
  stringData: many(6, 'bytes'),
  int64Data: packed(7, 'int64'),
  name: one(8, 'string'),
  rawData: one(9, 'data'),
  doubleData: packed(10, 'double'),
  uint64Data: packed(11, 'uint64'),
  docString: one(12, 'string'),
  externalData: many(13, () => entry),
  dataLocation: one(14, 'int32'),
  metadataProps: many(16, () => entry),
});

const sparseTensor = message<SparseTensorProto>('SparseTensorProto', {
  values: one(1, () => tensorSchema),
  indices: one(2, () => tensorSchema),
  dims: many(3, 'count'),
});

const dimension = message<DimensionProto>('TensorShapeProto.Dimension', {
  dimValue: one(1, 'count'),
  dimParam: one(2, 'string'),
  denotation: one(3, 'string'),
});

const tensorShape = message<TensorShapeProto>('TensorShapeProto', {
  dim: many(1, () => dimension),
});

const tensorType = message<TensorTypeProto>('TypeProto.Tensor', {
  elemType: one(1, 'int32'),
  shape: one(2, () => tensorShape),
});

const sequenceType = message<SequenceTypeProto>('TypeProto.Sequence', {
  elemType: one(1, () => typeSchema),
});

const mapType = message<MapTypeProto>('TypeProto.Map', {
  keyType: one(1, 'int32'),
  valueType: one(2, () => typeSchema),
});

const opaqueType = message<OpaqueTypeProto>('TypeProto.Opaque', {
  domain: one(1, 'string'),
  name: one(2, 'string'),
});

const typeSchema: Schema = message<TypeProto>('TypeProto', {
  tensorType: one(1, () => tensorType),
  sequenceType: one(4, () => sequenceType),
  mapType: one(5, () => mapType),
  denotation: one(6, 'string'),
  opaqueType: one(7, () => opaqueType),
  sparseTensorType: one(8, () => tensorType),
  optionalType: one(9, () => sequenceType),
});

const valueInfo = message<ValueInfoProto>('ValueInfoProto', {
  name: one(1, 'string'),
  type: one(2, () => typeSchema),
  docString: one(3, 'string'),
  metadataProps: many(4, () => entry),
});

const attribute: Schema = message<AttributeProto>('AttributeProto', {
  name: one(1, 'string'),
  f: one(2, 'float'),
  i: one(3, 'int64'),
  s: one(4, 'bytes'),
  t: one(5, () => tensorSchema),
  g: one(6, () => graphSchema),
  floats: many(7, 'float'),
  ints: many(8, 'int64'),
  strings: many(9, 'bytes'),
  tensors: many(10, () => tensorSchema),
  graphs: many(11, () => graphSchema),
  docString: one(13, 'string'),
  tp: one(14, () => typeSchema),
  typeProtos: many(15, () => typeSchema),
  type: one(20, 'int32'),
  refAttrName: one(21, 'string'),
  sparseTensor: one(22, () => sparseTensor),
  sparseTensors: many(23, () => sparseTensor),
});

const node = message<NodeProto>('NodeProto', {
  input: many(1, 'string'),
  output: many(2, 'string'),
  name: one(3, 'string'),
  opType: one(4, 'string'),
  attribute: many(5, () => attribute),
  docString: one(6, 'string'),
  domain: one(7, 'string'),
  overload: one(8, 'string'),
  metadataProps: many(9, () => entry),
});

const quantizationAnnotation = message<QuantizationAnnotationProto>('TensorAnnotation', {
  tensorName: one(1, 'string'),
  quantParameterTensorNames: many(2, () => entry),
});

const graphSchema: Schema = message<GraphProto>('GraphProto', {
  node: many(1, () => node),
  name: one(2, 'string'),
  initializer: many(5, () => tensorSchema),
  docString: one(10, 'string'),
  input: many(11, () => valueInfo),
  output: many(12, () => valueInfo),
  valueInfo: many(13, () => valueInfo),
  quantizationAnnotation: many(14, () => quantizationAnnotation),
  sparseInitializer: many(15, () => sparseTensor),
  metadataProps: many(16, () => entry),
});

const functionSchema = message<FunctionProto>('FunctionProto', {
  name: one(1, 'string'),
  input: many(4, 'string'),
  output: many(5, 'string'),
  attribute: many(6, 'string'),
  node: many(7, () => node),
  docString: one(8, 'string'),
  opsetImport: many(9, () => operatorSetId),
  domain: one(10, 'string'),
  attributeProto: many(11, () => attribute),
  valueInfo: many(12, () => valueInfo),
  overload: one(13, 'string'),
  metadataProps: many(14, () => entry),
});

/** Training information (field 20) and device configurations stay in `unknownFields`. */
export const modelSchema = message<ModelProto>('ModelProto', {
  irVersion: one(1, 'count'),
  producerName: one(2, 'string'),
  producerVersion: one(3, 'string'),
  domain: one(4, 'string'),
  modelVersion: one(5, 'int64'),
  docString: one(6, 'string'),
  graph: one(7, () => graphSchema),
  opsetImport: many(8, () => operatorSetId),
  metadataProps: many(14, () => entry),
  functions: many(25, () => functionSchema),
});
