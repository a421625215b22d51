import { elementCount, elementType, type ElementType } from './element-type';
import { OnliteError, invalidArgument } from '../../errors';
import { isTensorLike } from '../run/fetches';
import type { Quantization } from '../session/metadata';
import { zeros } from './memory';
import { roundHalfToEven } from './rounding';
import { Tensor, isTensor, requireWhole } from './tensor';

const ranges: Partial<Record<ElementType, readonly [min: number, max: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
};

/**
 * Quantises a float32 tensor: q = clamp(round(x / scale) + zeroPoint), halves
 * rounded to even as ONNX's QuantizeLinear does. NaN becomes the zero point.
 *
 * @param type - int8, uint8, int16, uint16 or int32
 * @throws OnliteError ERR_INVALID_ARGUMENT for parameters that do not fit the tensor,
 *   ERR_TYPE_MISMATCH for a tensor that is not float32, ERR_BUFFER_DETACHED,
 *   ERR_TENSOR_DISPOSED, or ERR_OUT_OF_MEMORY.
 */
export function quantize<T extends 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32'>(
  tensor: Tensor,
  quantization: Quantization,
  type: T,
): Tensor<T> {
  const info = elementType(type);
  const range = info === undefined ? undefined : ranges[info.name];
  if (range === undefined || info?.array === undefined) {
    throw invalidArgument('type', Object.keys(ranges).join(', '), type);
  }
  tensor = requireTensor(tensor);
  if (tensor.type !== 'float32') {
    throw new OnliteError('ERR_TYPE_MISMATCH', `tensor.type: expected float32, got ${tensor.type}`);
  }
  const channelOf = channels(tensor.dims, quantization);
  requireWhole(tensor, 'tensor.data');
  const data = zeros(info.array, tensor.size, 'the quantised tensor');
  const { scale, zeroPoint } = quantization;
  const values = (tensor as Tensor<'float32'>).data;
  for (let index = 0; index < tensor.size; index++) {
    const channel = channelOf(index);
    const zero = zeroPoint[channel] ?? 0;
    const value = roundHalfToEven((values[index] ?? 0) / (scale[channel] ?? 1)) + zero;
    data[index] = Number.isNaN(value) ? zero : Math.min(range[1], Math.max(range[0], value));
  }
  return Tensor.fromTrusted(info, data, tensor.dims) as Tensor<T>;
}

/**
 * The real values of a quantised tensor: scale × (q − zeroPoint), float32.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for parameters that do not fit the tensor,
 *   ERR_BUFFER_DETACHED, ERR_TENSOR_DISPOSED, or ERR_OUT_OF_MEMORY.
 */
export function dequantize(tensor: Tensor, quantization: Quantization): Tensor<'float32'> {
  tensor = requireTensor(tensor);
  if (ranges[tensor.type] === undefined) {
    throw invalidArgument('tensor.type', Object.keys(ranges).join(', '), tensor.type);
  }
  const channelOf = channels(tensor.dims, quantization);
  const { scale, zeroPoint } = quantization;
  requireWhole(tensor, 'tensor.data');
  const data = zeros(Float32Array, tensor.size, 'the real values') as Float32Array;
  for (let index = 0; index < tensor.size; index++) {
    const channel = channelOf(index);
    const value = tensor.data[index] as number;
    data[index] = (scale[channel] ?? 1) * (value - (zeroPoint[channel] ?? 0));
  }
  return new Tensor('float32', data, tensor.dims);
}

/** A tensor of ours: one of another copy of this package, or of onnxruntime-common, is made one. */
function requireTensor(tensor: unknown): Tensor {
  if (isTensor(tensor)) return tensor;
  if (!isTensorLike(tensor)) throw invalidArgument('tensor', 'a Tensor', tensor);
  const { type, data, dims } = tensor as Tensor;
  return new Tensor(type, data, dims);
}

/** Checks scale or zeroPoint: an array of finite numbers. */
function requireNumbers(value: unknown, path: string): void {
  if (!Array.isArray(value)) throw invalidArgument(path, 'an array of numbers', value);
  for (const [index, number] of value.entries()) {
    if (!Number.isFinite(number)) {
      throw invalidArgument(`${path}[${index}]`, 'a finite number', number);
    }
  }
}

/** Which entry of the parameters an element (by its flat index) belongs to. */
function channels(dims: readonly number[], quantization: Quantization): (index: number) => number {
  if (typeof (quantization as unknown) !== 'object' || (quantization as unknown) === null) {
    throw invalidArgument('quantization', 'an object', quantization);
  }
  const { scale, zeroPoint, axis } = quantization;
  requireNumbers(scale, 'scale');
  requireNumbers(zeroPoint, 'zeroPoint');
  if (zeroPoint.length !== scale.length) {
    throw invalidArgument('zeroPoint', `${scale.length} entries, as scale has`, zeroPoint);
  }
  if (axis === undefined) {
    if (scale.length !== 1) throw invalidArgument('scale', 'one entry without an axis', scale);
    return () => 0;
  }
  const size = Number.isInteger(axis) ? dims[axis] : undefined;
  if (size === undefined) throw invalidArgument('axis', 'the index of a dimension', axis);
  if (scale.length !== size) {
    throw invalidArgument('scale', `as many entries as dims[${axis}] (${size})`, scale);
  }
  const inner = elementCount(dims.slice(axis + 1), 'dims');
  return (index) => Math.floor(index / inner) % size;
}
