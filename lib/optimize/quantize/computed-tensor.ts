import {
  chunksOf,
  makeTensor,
  setTensorData,
  tensorByteLength,
  type TensorProto,
} from '../../formats/onnx';

/**
 * A tensor whose elements are computed each time that they are read, so that none are in memory
 * until the model is written.
 */
export function computedTensor(
  name: string,
  dataType: number,
  dims: readonly number[],
  compute: () => Iterable<ArrayBufferView>,
): TensorProto {
  const tensor = makeTensor(name, dataType, dims, new Uint8Array());
  const source = {
    byteLength: tensorByteLength(tensor),
    *chunks() {
      for (const { buffer, byteOffset, byteLength } of compute()) {
        yield* chunksOf([new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)]);
      }
    },
  };
  setTensorData(tensor, source);
  return tensor;
}
