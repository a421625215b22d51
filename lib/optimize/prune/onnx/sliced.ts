import { dataTypeBits, makeTensor, tensorBytes, type TensorProto } from '../../../formats/onnx';
import { slicedBytes } from '../sliced-bytes';

/** A tensor with some of its elements along an axis. */
export function sliced(
  tensor: TensorProto,
  axis: number,
  kept: readonly number[],
  folder: string | undefined,
): TensorProto {
  const width = (dataTypeBits(tensor.dataType) ?? 8) / 8;
  const bytes = slicedBytes(tensorBytes(tensor, folder), { dims: tensor.dims, width }, axis, kept);
  const dims = tensor.dims.map((size, at) => (at === axis ? kept.length : size));
  return makeTensor(tensor.name ?? '', tensor.dataType ?? 0, dims, bytes);
}
