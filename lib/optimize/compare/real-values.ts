import type { Quantization } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { numberToFloat16 } from '../../engine/tensor/float16';
import { numberReader } from '../../engine/tensor/numbers';
import { dequantize, quantize } from '../../engine/tensor/quantize';
import { Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';

/** Integer types that a model's quantisation parameters can belong to. */
const QUANTIZED = ['int8', 'uint8', 'int16', 'uint16', 'int32'] as const;
type QuantizedType = (typeof QUANTIZED)[number];

const isQuantizedType = (type: ElementType): type is QuantizedType =>
  (QUANTIZED as readonly string[]).includes(type);

/**
 * The numbers that a tensor stands for: dequantised where there are parameters. The data of a
 * float32 or float64 tensor itself.
 *
 * @throws OnliteError ERR_UNSUPPORTED for strings and for packed and raw types.
 */
export function realValues(
  tensor: Tensor<ElementType>,
  quantization: Quantization | undefined,
): Float32Array | Float64Array {
  const { data, type, size } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (quantization !== undefined && isQuantizedType(type)) {
    return dequantize(tensor as Tensor, quantization).data;
  }
  const read = numberReader(tensor);
  if (read) return Float64Array.from({ length: size }, (_, index) => read(index));
  throw new OnliteError('ERR_UNSUPPORTED', `values of ${type} are not numbers to compare`);
}

/**
 * A tensor of real values in the type that a model takes, quantised where it has parameters.
 *
 * @throws OnliteError ERR_UNSUPPORTED for strings and for packed and raw types; ERR_TYPE_MISMATCH
 *   for values that an integer type cannot hold.
 */
export function tensorOfValues(
  values: Float32Array | Float64Array,
  dims: readonly number[],
  type: ElementType,
  quantization: Quantization | undefined,
): Tensor<ElementType> {
  if (quantization !== undefined && isQuantizedType(type)) {
    const real = new Tensor('float32', Float32Array.from(values), dims);
    return quantize(real, quantization, type);
  }
  switch (type) {
    case 'float32':
      return new Tensor(type, Float32Array.from(values), dims);
    case 'float64':
      return new Tensor(type, Float64Array.from(values), dims);
    case 'float16':
      return new Tensor(type, Uint16Array.from(values, numberToFloat16), dims);
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
    case 'bool':
      return wholeNumbers(values, dims, type);
    default:
      throw new OnliteError('ERR_UNSUPPORTED', `numbers cannot be given as ${type}`);
  }
}

function wholeNumbers(
  values: Float32Array | Float64Array,
  dims: readonly number[],
  type: ElementType,
): Tensor<ElementType> {
  const tensor = new Tensor(type, Array.from(values), dims);
  const read = numberReader(tensor);
  const lost = values.find((value, index) => value !== read?.(index));
  if (lost === undefined) return tensor;
  throw new OnliteError('ERR_TYPE_MISMATCH', `expected numbers of ${type}, got ${lost}`);
}
