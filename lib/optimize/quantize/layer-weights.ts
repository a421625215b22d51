import { OnliteError } from '../../errors';
import {
  elementCount,
  floatAttribute,
  intAttribute,
  isStandard,
  makeTensor,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';

/** Where a layer's weights have their channels. */
interface WeightLayout {
  /** Channels that the layer takes, and makes. */
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  /** Spatial dimensions: 0 of a matrix. */
  readonly rank: number;
  /** Elements of one filter's kernel, which lie together. */
  readonly kernel: number;
  /** The matrix is [inputs, outputs] rather than [outputs, inputs]. */
  readonly inputsFirst: boolean;
}

function convLayout(node: NodeProto, dims: readonly number[]): WeightLayout | undefined {
  const [outputs = 0, inputsOfGroup = 0, ...spatial] = dims;
  const groups = intAttribute(node, 'group', 1);
  if (spatial.length === 0 || groups < 1 || outputs % groups !== 0) return undefined;
  return {
    inputs: inputsOfGroup * groups,
    outputs,
    groups,
    rank: spatial.length,
    kernel: spatial.reduce((product, dim) => product * dim, 1),
    inputsFirst: false,
  };
}

function matrixLayout(dims: readonly number[], transposed: boolean): WeightLayout | undefined {
  const [rows, columns, ...others] = dims;
  if (rows === undefined || columns === undefined || others.length > 0) return undefined;
  const [inputs, outputs] = transposed ? [columns, rows] : [rows, columns];
  return { inputs, outputs, groups: 1, rank: 0, kernel: 1, inputsFirst: !transposed };
}

/** Undefined for other operators, and for matrices of more than two dimensions. */
export function layoutOf(node: NodeProto, dims: readonly number[]): WeightLayout | undefined {
  switch (node.opType) {
    case 'Conv':
      return convLayout(node, dims);
    case 'MatMul':
      return matrixLayout(dims, false);
    case 'Gemm':
      if (intAttribute(node, 'transA', 0) !== 0) return undefined;
      return matrixLayout(dims, intAttribute(node, 'transB', 0) !== 0);
    default:
      return undefined;
  }
}

/** A constant input of a node: 32-bit floats. */
export interface ConstantInput {
  readonly node: NodeProto;
  readonly index: number;
}

/** The elements of a node's constant input; `folder` is the model file's, for external data. */
export function constantFloats(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  folder?: string,
): Float32Array {
  const name = node.input[index] ?? '';
  const tensor = editor.constant(name);
  if (!tensor) throw new OnliteError('ERR_MODEL_INVALID', `'${name}' is no constant`);
  return tensorValues(tensor, OnnxDataType.FLOAT, folder);
}

/** Gives a node other values for a constant input; other nodes that use the constant keep theirs. */
export function replaceFloats(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  values: Float32Array,
): void {
  const name = node.input[index] ?? '';
  const dims = editor.constant(name)?.dims ?? [values.length];
  const tensor = makeTensor(name, OnnxDataType.FLOAT, dims, values);
  if (editor.onlyUser(name) === node && !editor.producer(name)) editor.setInitializer(name, tensor);
  else editor.setInput(node, index, editor.addInitializer(tensor));
}

/** Whether a node's input is a constant with one element for each channel of the last axis. */
export function isRow(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  channels: number,
): boolean {
  const tensor = editor.constant(node.input[index]);
  return (
    tensor?.dataType === OnnxDataType.FLOAT &&
    tensor.dims.at(-1) === channels &&
    elementCount(tensor) === channels
  );
}

/** The constant that a node of two operands has beside a computed value. */
export function constantOperand(editor: GraphEditor, node: NodeProto): ConstantInput | undefined {
  const index = node.input.findIndex((name) => editor.constant(name) !== undefined);
  return index < 0 ? undefined : { node, index };
}

/**
 * The constant weights of a Conv, Gemm or MatMul, and a factor for each of its channels, by which
 * they are multiplied when they are written. They are read at first need.
 */
export class LayerWeights {
  readonly node: NodeProto;
  readonly layout: WeightLayout;
  /** For each channel that the layer takes, and makes. */
  readonly inputScale: Float64Array;
  readonly outputScale: Float64Array;
  readonly #read: () => Float32Array;
  #values?: Float32Array;
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
   * of 32-bit floats, and for matrices of more than two dimensions.
   *
   * @param folder - the model file's, for external data
   */
  static of(editor: GraphEditor, node: NodeProto, folder?: string): LayerWeights | undefined {
    if (!isStandard(node, 'Conv', 'Gemm', 'MatMul')) return undefined;
    const name = node.input[1];
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) === 0) return undefined;
    const layout = layoutOf(node, tensor.dims);
    if (!layout || editor.onlyUser(name) !== node) return undefined;
    return new LayerWeights(node, layout, () => tensorValues(tensor, OnnxDataType.FLOAT, folder));
  }

  /** The greatest magnitude among the scaled weights of each channel that the layer takes. */
  inputMaxima(): Float64Array {
    const { inputScale, outputScale } = this;
    const maxima = new Float64Array(this.layout.inputs);
    const peaks = this.peaks;
    this.#forEachKernel((kernel, input, output) => {
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
    this.#forEachKernel((kernel, input, output) => {
      const scaled = Math.abs(peaks[kernel] ?? 0) * (inputScale[input] ?? 1);
      if (scaled > (maxima[output] ?? 0)) maxima[output] = scaled;
    });
    return maxima.map((maximum, output) => maximum * (outputScale[output] ?? 1));
  }

  /** The product of a vector and the unscaled weights, which are a matrix. */
  productWith(vector: Float64Array): Float64Array {
    const { values } = this;
    const product = new Float64Array(this.layout.outputs);
    this.#forEachKernel((kernel, input, output) => {
      product[output] = (product[output] ?? 0) + (values[kernel] ?? 0) * (vector[input] ?? 0);
    });
    return product;
  }

  /** The weights times their channels' factors. */
  scaled(): Float32Array {
    const { values, inputScale, outputScale } = this;
    const size = this.layout.kernel;
    const result = new Float32Array(values.length);
    this.#forEachKernel((kernel, input, output) => {
      const factor = (inputScale[input] ?? 1) * (outputScale[output] ?? 1);
      for (let index = kernel * size; index < (kernel + 1) * size; index++) {
        result[index] = (values[index] ?? 0) * factor;
      }
    });
    return result;
  }

  private get values(): Float32Array {
    return (this.#values ??= this.#read());
  }

  private get peaks(): Float32Array {
    return (this.#peaks ??= kernelPeaks(this.values, this.layout.kernel));
  }

  /** Kernels in the order in which they lie. */
  #forEachKernel(visit: (kernel: number, input: number, output: number) => void): void {
    const { inputs, outputs, groups, inputsFirst } = this.layout;
    if (inputsFirst) {
      for (let kernel = 0; kernel < inputs * outputs; kernel++) {
        visit(kernel, Math.floor(kernel / outputs), kernel % outputs);
      }
      return;
    }
    const inputsOfGroup = inputs / groups;
    const outputsOfGroup = outputs / groups;
    for (let output = 0, kernel = 0; output < outputs; output++) {
      const first = Math.floor(output / outputsOfGroup) * inputsOfGroup;
      for (let input = first; input < first + inputsOfGroup; input++, kernel++) {
        visit(kernel, input, output);
      }
    }
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
  { node, layout }: LayerWeights,
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
