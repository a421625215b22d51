import { float16ToNumber, numberToFloat16 } from '../../engine/tensor/float16';
import { makeTensor, OnnxDataType, tensorValues, type TensorProto } from '../../formats/onnx';

const { FLOAT, DOUBLE, FLOAT16 } = OnnxDataType;

/** A tensor's values as real numbers; undefined where it holds no floats. */
export function realValuesOf(tensor: TensorProto | undefined): Float64Array | undefined {
  switch (tensor?.dataType) {
    case FLOAT:
      return Float64Array.from(tensorValues(tensor, FLOAT));
    case DOUBLE:
      return Float64Array.from(tensorValues(tensor, DOUBLE));
    case FLOAT16:
      return Float64Array.from(tensorValues(tensor, FLOAT16), float16ToNumber);
    default:
      return undefined;
  }
}

/**
 * A tensor of a type of floats, whose values are rounded here and nowhere before.
 *
 * @returns undefined where a value is not finite in that type
 */
export function roundedTensor(
  name: string,
  dataType: number | undefined,
  dims: readonly number[],
  values: Float64Array,
): TensorProto | undefined {
  switch (dataType) {
    case FLOAT: {
      const rounded = Float32Array.from(values);
      return rounded.every(Number.isFinite) ? makeTensor(name, FLOAT, dims, rounded) : undefined;
    }
    case DOUBLE:
      return values.every(Number.isFinite) ? makeTensor(name, DOUBLE, dims, values) : undefined;
    case FLOAT16: {
      const rounded = Uint16Array.from(values, numberToFloat16);
      const isFinite = rounded.every((bits) => Number.isFinite(float16ToNumber(bits)));
      return isFinite ? makeTensor(name, FLOAT16, dims, rounded) : undefined;
    }
    default:
      return undefined;
  }
}
