import {
  elementCount,
  floatAttribute,
  intAttribute,
  isStandard,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';
import { constantOperand, isRow, type ConstantInput } from './constant-input';
import { forEachKernel, weightLayout, type WeightLayout } from './weight-layout';

/**
 * The constant weights of a Conv, Gemm or MatMul, and a factor for each of its channels, by which
 * they are multiplied when they are written. They are read when they are needed.
 */
export class LinearLayer {
  readonly node: NodeProto;
  readonly layout: WeightLayout;
  /** For each channel that the layer takes, and makes. */
  readonly inputScale: Float64Array;
  readonly outputScale: Float64Array;
  readonly #read: () => Float32Array;
  /** An element of the greatest magnitude of each kernel: all that channels' ranges depend on. */
  #peaks?: Float32Array;

  private constructor(node: NodeProto, layout: WeightLayout, read: () => Float32Array) {
    this.node = node;
    this.layout = layout;
    this.inputScale = new Float64Array(layout.inputs).fill(1);
    this.outputScale = new Float64Array(layout.outputs).fill(1);
    this.#read = read;
  }

  /**
   * Undefined for other operators, for weights that are computed, shared with other nodes or not
   * of 32-bit floats, for matrices of more than two dimensions, and where the input is transposed.
   *
   * @param folder - the model file's, for external data
   */
  static of(editor: GraphEditor, node: NodeProto, folder?: string): LinearLayer | undefined {
    if (!isStandard(node, 'Conv', 'Gemm', 'MatMul')) return undefined;
    if (intAttribute(node, 'transA', 0) !== 0) return undefined;
    const name = node.input[1];
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) === 0) return undefined;
    const layout = weightLayout(node, tensor.dims);
    if (!layout || editor.onlyUser(name) !== node) return undefined;
    return new LinearLayer(node, layout, () => tensorValues(tensor, OnnxDataType.FLOAT, folder));
  }

  /** The greatest magnitude among the scaled weights of each channel that the layer takes. */
  inputMaxima(): Float64Array {
    const { inputScale, outputScale } = this;
    const maxima = new Float64Array(this.layout.inputs);
    const peaks = this.peaks;
    forEachKernel(this.layout, (kernel, input, output) => {
      const scaled = Math.abs(peaks[kernel] ?? 0) * (outputScale[output] ?? 1);
      if (scaled > (maxima[input] ?? 0)) maxima[input] = scaled;
    });
    return maxima.map((maximum, input) => maximum * (inputScale[input] ?? 1));
  }

  /** The greatest magnitude among the scaled weights of each channel that the layer makes. */
  outputMaxima(): Float64Array {
    const { inputScale, outputScale } = this;
    const maxima = new Float64Array(this.layout.outputs);
    const peaks = this.peaks;
    forEachKernel(this.layout, (kernel, input, output) => {
      const scaled = Math.abs(peaks[kernel] ?? 0) * (inputScale[input] ?? 1);
      if (scaled > (maxima[output] ?? 0)) maxima[output] = scaled;
    });
    return maxima.map((maximum, output) => maximum * (outputScale[output] ?? 1));
  }

  /** The weights times their channels' factors. */
  scaled(): Float32Array {
    const { inputScale, outputScale } = this;
    const values = this.#read();
    const size = this.layout.kernel;
    const result = new Float32Array(values.length);
    forEachKernel(this.layout, (kernel, input, output) => {
      const factor = (inputScale[input] ?? 1) * (outputScale[output] ?? 1);
      for (let index = kernel * size; index < (kernel + 1) * size; index++) {
        result[index] = (values[index] ?? 0) * factor;
      }
    });
    return result;
  }

  private get peaks(): Float32Array {
    return (this.#peaks ??= kernelPeaks(this.#read(), this.layout.kernel));
  }
}

function kernelPeaks(values: Float32Array, size: number): Float32Array {
  if (size === 1) return values;
  return Float32Array.from({ length: values.length / size }, (_, kernel) =>
    values
      .subarray(kernel * size, (kernel + 1) * size)
      .reduce((peak, value) => (Math.abs(value) > Math.abs(peak) ? value : peak)),
  );
}

/**
 * The constant for each channel that is added to what a layer makes: a Conv's or a Gemm's own, or
 * that of an Add behind a MatMul.
 */
export function biasOf(
  editor: GraphEditor,
  { node, layout }: LinearLayer,
): ConstantInput | undefined {
  const next = node.opType === 'MatMul' ? editor.onlyUser(node.output[0]) : undefined;
  const own = isPlain(node) ? { node, index: 2 } : undefined;
  const bias = isStandard(next, 'Add') ? constantOperand(editor, next) : own;
  return bias && isRow(editor, bias, layout.outputs) ? bias : undefined;
}

/** Whether a node adds its third input, as it is, to a product that is as it is. */
export function isPlain(node: NodeProto): boolean {
  if (node.opType !== 'Gemm') return node.opType === 'Conv';
  return floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
}
