import type { ElementType } from '../engine/tensor/element-type';
import type { TfliteTensor } from '../formats/tflite';

/** How a tensor's integers stand for reals: real = scale × (quantised − zero point). */
export interface QuantizationParameters {
  /** One for the tensor, or one for each index of a dimension; empty if it is not quantised. */
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
  /** The dimension that the entries belong to, where there are several. */
  readonly quantizedDimension: number;
}

/** What is known of a tensor, as Python's `get_input_details()` says it. */
export interface TensorDetails {
  /** As the model's file has it; not always the name that an InferenceSession knows it by. */
  readonly name: string;
  /** The tensor's number in the model, for `setTensor` and `getTensor`. */
  readonly index: number;
  /** The dims as they are now. */
  readonly shape: readonly number[];
  /** The dims as the model declares them, -1 for dynamic ones. */
  readonly shapeSignature: readonly number[];
  readonly dtype: ElementType;
  /** Scale and zero point of the whole tensor; [0, 0] if there are none or several. */
  readonly quantization: readonly [scale: number, zeroPoint: number];
  readonly quantizationParameters: QuantizationParameters;
}

/** @param shape - the dims as they are now */
export function tensorDetails(
  index: number,
  tensor: TfliteTensor,
  shape: readonly number[],
): TensorDetails {
  const { scale = [], zeroPoint = [], axis = 0 } = tensor.quantization ?? {};
  const isWhole = scale.length === 1;
  return {
    name: tensor.name,
    index,
    shape: [...shape],
    shapeSignature: [...(tensor.shapeSignature ?? shape)],
    dtype: tensor.type as ElementType,
    quantization: isWhole ? [scale[0] ?? 0, zeroPoint[0] ?? 0] : [0, 0],
    quantizationParameters: {
      scales: Float32Array.from(scale),
      zeroPoints: Int32Array.from(zeroPoint),
      quantizedDimension: axis,
    },
  };
}
