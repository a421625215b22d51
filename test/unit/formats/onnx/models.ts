import { OnnxDataType, type ModelProto, type TensorProto } from '../../../../lib/formats/onnx';

export function tensor(fields: Partial<TensorProto>): TensorProto {
  return {
    dims: [],
    floatData: [],
    int32Data: [],
    stringData: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: [],
    metadataProps: [],
    ...fields,
  };
}

/** A float tensor whose data is said to be in another file. */
export function externalTensor(location: string, offset: number, length: number): TensorProto {
  const entries = { location, offset, length };
  return tensor({
    dims: [length / 4],
    dataType: OnnxDataType.FLOAT,
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  });
}

/** A model of nothing but weights. */
export function modelOf(initializer: TensorProto[]): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ version: 17 }],
    metadataProps: [],
    functions: [],
    graph: {
      node: [],
      initializer,
      input: [],
      output: [],
      valueInfo: [],
      quantizationAnnotation: [],
      sparseInitializer: [],
      metadataProps: [],
    },
  };
}
