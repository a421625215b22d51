import {
  findAttribute,
  floatAttribute,
  intAttribute,
  isStandard,
  makeFloats,
  makeNode,
  makeTensor,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { computedTensor } from './computed-tensor';
import { transpose } from './transpose';
import { decision, NO_INTEGER_KERNEL, type OperatorDecision } from './decision';
import { quantizeArray } from './integers';
import { weightParameters } from './parameters';
import { saturation, withoutSaturation, type Saturation } from './saturation';
import { targetTypes, type Target } from './target';

const MICROSOFT = 'com.microsoft';
/** The first version of the operators that has DynamicQuantizeLinear. */
const LEAST_OPSET = 11;

export interface DynamicOptions {
  readonly target: Target;
  /** Nodes by name (or first output) that stay float. */
  readonly exclude?: ReadonlySet<string>;
  /** Where external data lies. */
  readonly folder?: string;
}

/** A matrix of weights, `[K, N]`, in integers. */
interface IntegerMatrix {
  readonly saturation: Saturation | undefined;
  readonly weight: string;
  readonly scale: string;
  readonly zeroPoint: string;
}

/** How a layer computes now, or why it stays as it was. */
type Outcome = Omit<OperatorDecision, 'node' | 'operator'>;

const AS = 'dynamic uint8 × int8 per channel';

/** Rewrites layers so that activations are quantised when the model runs, each by its own range. */
class DynamicWriter {
  readonly #editor: GraphEditor;
  readonly #options: DynamicOptions;
  /** What a weight or an activation became, for others that use it. */
  readonly #matrices = new Map<string, IntegerMatrix>();
  readonly #activations = new Map<
    string,
    readonly [integers: string, scale: string, zeroPoint: string]
  >();

  constructor(editor: GraphEditor, options: DynamicOptions) {
    this.#editor = editor;
    this.#options = options;
  }

  rewrite(node: NodeProto): Outcome {
    switch (node.opType) {
      case 'MatMul':
        return this.#matMul(node);
      case 'Gemm':
        return this.#gemm(node);
      case 'LSTM':
        return this.#lstm(node);
      case 'Conv':
        return { reason: 'integers made at run time make it slower' };
      default:
        return { reason: NO_INTEGER_KERNEL };
    }
  }

  #floatMatrix(name: string | undefined): TensorProto | string {
    const tensor = this.#editor.constant(name);
    if (!tensor) return 'its weight is no constant';
    if (tensor.dataType !== OnnxDataType.FLOAT) return 'its weight is not float32';
    return tensor.dims.length === 2 ? tensor : 'its weight is no matrix';
  }

  #matMul(node: NodeProto): Outcome {
    const [left = '', right = ''] = node.input;
    const weight = this.#floatMatrix(right);
    if (this.#editor.constant(left)) return { reason: 'its first input is a constant' };
    if (typeof weight === 'string') return { reason: weight };
    const [output = ''] = node.output;
    const matrix = this.#matrix(right, weight, false);
    this.#editor.removeNode(node);
    this.#product(left, matrix, output);
    return outcome(AS, [matrix]);
  }

  #gemm(node: NodeProto): Outcome {
    const [left = '', right = '', bias = ''] = node.input;
    const weight = this.#floatMatrix(right);
    if (this.#editor.constant(left)) return { reason: 'its first input is a constant' };
    if (typeof weight === 'string') return { reason: weight };
    if (intAttribute(node, 'transA', 0) !== 0) return { reason: 'its first input is transposed' };
    const plain = ['alpha', 'beta'].every((name) => floatAttribute(node, name, 1) === 1);
    if (!plain) return { reason: 'alpha or beta is not 1' };
    const [output = ''] = node.output;
    const matrix = this.#matrix(right, weight, intAttribute(node, 'transB', 0) !== 0);
    this.#editor.removeNode(node);
    if (bias === '') {
      this.#product(left, matrix, output);
    } else {
      const product = this.#editor.uniqueName(`${output}_product`);
      this.#product(left, matrix, product);
      this.#editor.addNode(makeNode('Add', [product, bias], [output], { name: `${output}_bias` }));
    }
    return outcome(AS, [matrix]);
  }

  /** The layout of com.microsoft's operator: weights transposed, scales for each direction. */
  #lstm(node: NodeProto): Outcome {
    const editor = this.#editor;
    const [, weight = '', recurrence = ''] = node.input;
    if (findAttribute(node, 'layout') && intAttribute(node, 'layout', 0) !== 0) {
      return { reason: 'its batch comes first' };
    }
    const matrices = [weight, recurrence].map((name) => this.#gates(name));
    const [w, r] = matrices;
    if (!w || !r) return { reason: 'its weights are no float32 constants' };
    const inputs = Array.from({ length: 8 }, (_, index) => node.input[index] ?? '');
    [inputs[1], inputs[2]] = [w.weight, r.weight];
    editor.removeNode(node);
    editor.addNode({
      ...node,
      opType: 'DynamicQuantizeLSTM',
      domain: MICROSOFT,
      input: [...inputs, w.scale, w.zeroPoint, r.scale, r.zeroPoint],
      attribute: node.attribute.filter(({ name }) => name !== 'layout'),
    });
    editor.requireOpset(MICROSOFT, 1);
    return outcome(AS, [w, r]);
  }

  /** `[directions, 4 · hidden, inputs]` as `[directions, inputs, 4 · hidden]` of integers. */
  #gates(name: string): IntegerMatrix | undefined {
    const tensor = this.#editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || tensor.dims.length !== 3) return undefined;
    const [directions = 0, rows = 0, columns = 0] = tensor.dims;
    const dims = [directions, columns, rows];
    const turned = (): Float32Array => {
      const values = tensorValues(tensor, OnnxDataType.FLOAT, this.#options.folder);
      const result = new Float32Array(values.length);
      const size = rows * columns;
      for (let direction = 0; direction < directions; direction++) {
        const own = values.subarray(direction * size, (direction + 1) * size);
        result.set(transpose(own, rows, columns), direction * size);
      }
      return result;
    };
    return this.#integers(name, turned, dims);
  }

  #matrix(name: string, tensor: TensorProto, isTransposed: boolean): IntegerMatrix {
    const key = `${isTransposed ? 'T' : 'N'}${name}`;
    const known = this.#matrices.get(key);
    if (known) return known;
    const [rows = 0, columns = 0] = tensor.dims;
    const values = (): Float32Array =>
      tensorValues(tensor, OnnxDataType.FLOAT, this.#options.folder);
    const made = isTransposed
      ? this.#integers(name, () => transpose(values(), rows, columns), [columns, rows])
      : this.#integers(name, values, tensor.dims);
    this.#matrices.set(key, made);
    return made;
  }

  /** Integers that are computed when they are written: large weights are never there together. */
  #integers(name: string, values: () => Float32Array, dims: readonly number[]): IntegerMatrix {
    const { addsInPairs } = targetTypes(this.#options.target);
    const matrix = dims.slice(-2);
    const parameters = matricesOf(values(), dims).map((each) => {
      const plain = weightParameters(each, matrix, 'int8', { axis: 1 });
      return addsInPairs ? withoutSaturation(PRODUCT, each, matrix, plain) : plain;
    });
    const integers = function* (): Generator<Int8Array> {
      const matrices = matricesOf(values(), dims);
      for (const [index, own] of parameters.entries()) {
        const each = matrices[index];
        if (each) yield quantizeArray(each, matrix, own, 'int8');
      }
    };
    const scaleDims = [...dims.slice(0, -2), ...dims.slice(-1)];
    const zeroPoints = Int8Array.from(parameters.flatMap(({ zeroPoint }) => zeroPoint));
    const scales = parameters.flatMap(({ scale }) => scale);
    const editor = this.#editor;
    return {
      saturation: addsInPairs ? undefined : saturationOf(integers(), matrix),
      weight: editor.addInitializer(
        computedTensor(`${name}_quantized`, OnnxDataType.INT8, dims, integers),
      ),
      scale: editor.addInitializer(makeFloats(`${name}_scale`, scales, scaleDims)),
      zeroPoint: editor.addInitializer(
        makeTensor(`${name}_zero_point`, OnnxDataType.INT8, scaleDims, zeroPoints),
      ),
    };
  }

  /** The operators that ONNX Runtime fuses into one: DynamicQuantizeMatMul. */
  #product(left: string, matrix: IntegerMatrix, output: string): void {
    const editor = this.#editor;
    const [integers, scale, zeroPoint] = this.#activation(left);
    const [sums, floats, scales] = ['sums', 'float', 'scales'].map((what) =>
      editor.uniqueName(`${output}_${what}`),
    ) as [string, string, string];
    const multiplied = [integers, matrix.weight, zeroPoint, matrix.zeroPoint];
    editor.addNode(
      makeNode('MatMulInteger', multiplied, [sums], { name: `${output}_MatMulInteger` }),
    );
    const attributes = { to: BigInt(OnnxDataType.FLOAT) };
    editor.addNode(makeNode('Cast', [sums], [floats], { name: `${output}_Cast`, attributes }));
    editor.addNode(makeNode('Mul', [scale, matrix.scale], [scales], { name: `${output}_scales` }));
    editor.addNode(makeNode('Mul', [floats, scales], [output], { name: `${output}_Mul` }));
  }

  #activation(name: string): readonly [string, string, string] {
    const known = this.#activations.get(name);
    if (known) return known;
    const editor = this.#editor;
    const names = ['quantized', 'scale', 'zero_point'].map((what) =>
      editor.uniqueName(`${name}_${what}`),
    ) as [string, string, string];
    editor.addNode(
      makeNode('DynamicQuantizeLinear', [name], names, { name: `${name}_DynamicQuantizeLinear` }),
    );
    this.#activations.set(name, names);
    return names;
  }
}

/** Stands for what multiplies with a matrix `[K, N]`. */
const PRODUCT = makeNode('MatMul', [], []);

/** Matrices `[K, N]`, one after the other. */
function matricesOf(values: Float32Array, dims: readonly number[]): Float32Array[] {
  const size = dims.slice(-2).reduce((product, dim) => product * dim, 1);
  const count = size === 0 ? 0 : values.length / size;
  return Array.from({ length: count }, (_, index) =>
    values.subarray(index * size, (index + 1) * size),
  );
}

/** Activations are of uint8 whatever the target. */
function saturationOf(
  matrices: Iterable<Int8Array>,
  dims: readonly number[],
): Saturation | undefined {
  const sum = { pairs: 0, saturating: 0, worst: 0 };
  for (const matrix of matrices) {
    const own = saturation(PRODUCT, matrix, dims);
    sum.pairs += own?.pairs ?? 0;
    sum.saturating += own?.saturating ?? 0;
    sum.worst = Math.max(sum.worst, own?.worst ?? 0);
  }
  return sum.saturating > 0 ? sum : undefined;
}

/** How a layer computes now. */
function outcome(as: string, matrices: readonly IntegerMatrix[]): Outcome {
  const found = matrices.flatMap((matrix) => matrix.saturation ?? []);
  const worst = found.sort((a, b) => b.worst - a.worst)[0];
  return { as, ...(worst ? { saturation: worst } : {}) };
}

const CONSIDERED = ['MatMul', 'Gemm', 'LSTM', 'GRU', 'RNN', 'Conv', 'ConvTranspose'] as const;

/**
 * Quantises the weights of MatMul, Gemm and LSTM, and their activations when the model runs.
 * Convolutions stay float: ONNX Runtime's ConvInteger is several times slower than float.
 */
export function quantizeDynamic(editor: GraphEditor, options: DynamicOptions): OperatorDecision[] {
  const writer = new DynamicWriter(editor, options);
  const isOld = editor.opset() < LEAST_OPSET;
  return editor.nodes
    .filter((node) => isStandard(node, ...CONSIDERED))
    .map((node) => {
      if (isOld)
        return decision(node, { reason: `the model's operators are older than ${LEAST_OPSET}` });
      const kept = decision(node, { reason: 'it was to stay float' });
      return options.exclude?.has(kept.node) ? kept : decision(node, writer.rewrite(node));
    });
}
