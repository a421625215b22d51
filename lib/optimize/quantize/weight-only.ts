import { invalidArgument, OnliteError } from '../../errors';
import {
  dataTypeName,
  elementCount,
  floatAttribute,
  intAttribute,
  isStandard,
  makeAttribute,
  makeNode,
  OnnxDataType,
  setAttribute,
  subgraphs,
  tensorValues,
  walkGraph,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { blockedQdq, matMulNBits, type BlockOptions, type QuantizedBlocks } from './blocks';
import { computedTensor } from './computed-tensor';
import { transpose } from './transpose';
import { decision, nodeLabel, nodesNamed, type OperatorDecision } from './decision';

const { FLOAT, INT4, INT8, UINT4, UINT8 } = OnnxDataType;

/** From this version on DequantizeLinear takes blocks and 4-bit integers. */
const BLOCKED_OPSET = 21;
/** The version of the file format that 4-bit integers came with. */
const BLOCKED_IR_VERSION = 10;

export interface WeightOnlyOptions {
  /** 4 if not given. */
  readonly bits?: 4 | 8;
  /** Weights of a column that share a scale: a power of two from 16 to 256; 32 if not given. */
  readonly blockSize?: number;
  /** Without zero points; true if not given. */
  readonly symmetric?: boolean;
  /**
   * `qoperator` (if not given): `com.microsoft.MatMulNBits`, ONNX Runtime's own. `qdq`: a
   * DequantizeLinear of opset 21 for each weight, which any runtime may know. ONNX Runtime makes
   * MatMulNBits of it that rounds its inputs to int8, unless its session's configuration has
   * `session.qdq_matmulnbits_accuracy_level`.
   */
  readonly format?: 'qoperator' | 'qdq';
  /**
   * What MatMulNBits may round its inputs to: 1 float32, 2 float16, 3 bfloat16, 4 int8; 0 (if not
   * given) leaves it to the runtime.
   */
  readonly accuracyLevel?: number;
  /** Weights of fewer elements stay; 1024 if not given. */
  readonly minElements?: number;
  /** Nodes that stay float32, by the names that decisions give them. */
  readonly exclude?: readonly string[];
  /** The model file's folder, for external data. */
  readonly folder?: string;
}

/** A constant weight as a MatMul has it: [K, N], or the transpose of what is stored. */
interface Weight {
  readonly tensor: TensorProto;
  readonly k: number;
  readonly n: number;
  readonly isTransposed: boolean;
}

type QuantizedTensor = 'data' | 'scales' | 'zeroPoints';

function blockOptions(options: WeightOnlyOptions): BlockOptions {
  const { bits = 4, blockSize = 32, symmetric = true, accuracyLevel = 0 } = options;
  if ((bits as number) !== 4 && (bits as number) !== 8) {
    throw invalidArgument('bits', '4 or 8', bits);
  }
  if (![16, 32, 64, 128, 256].includes(blockSize)) {
    throw invalidArgument('blockSize', 'a power of two from 16 to 256', blockSize);
  }
  if (![0, 1, 2, 3, 4].includes(accuracyLevel)) {
    throw invalidArgument('accuracyLevel', 'an integer from 0 to 4', accuracyLevel);
  }
  return { bits, blockSize, symmetric };
}

/**
 * A weight that is quantised when its tensors are written. The scales, a small part of it, are kept
 * from when the data was, or all would be computed once for each tensor.
 */
class BlockedWeight {
  readonly #quantize: () => QuantizedBlocks;
  #parameters: Omit<QuantizedBlocks, 'data'> | undefined;

  constructor(quantize: () => QuantizedBlocks) {
    this.#quantize = quantize;
  }

  *read(part: QuantizedTensor): Iterable<ArrayBufferView> {
    if (part === 'data' || !this.#parameters) {
      const { data, ...parameters } = this.#quantize();
      this.#parameters = parameters;
      if (part === 'data') yield data;
    }
    if (part === 'scales') yield this.#parameters.scales;
    if (part === 'zeroPoints') yield this.#parameters.zeroPoints ?? new Uint8Array();
  }
}

class WeightOnlyQuantizer {
  readonly #editor: GraphEditor;
  readonly #options: WeightOnlyOptions;
  readonly #blocks: BlockOptions;
  readonly #excluded: ReadonlySet<NodeProto>;
  /** What has taken the place of a weight, by the weight's name and whether it is transposed. */
  readonly #quantized = new Map<string, readonly string[]>();

  constructor(editor: GraphEditor, options: WeightOnlyOptions) {
    this.#editor = editor;
    this.#options = options;
    this.#blocks = blockOptions(options);
    this.#excluded = nodesNamed(editor, options.exclude ?? [], 'exclude');
    if (this.#isBlockedQdq) this.#requireBlockedOpset();
  }

  run(): OperatorDecision[] {
    const considered = this.#editor.nodes.filter((node) => isStandard(node, 'MatMul', 'Gemm'));
    const reasons = new Map(considered.map((node) => [node, this.#reasonOfItsOwn(node)]));
    const quantizes = (node: NodeProto): boolean =>
      reasons.has(node) && reasons.get(node) === undefined;
    for (const node of considered.filter(quantizes)) {
      const other = this.#otherUser(node, quantizes);
      if (other !== undefined) reasons.set(node, `its weights stay for ${other}`);
    }
    const decisions = considered.map((node) => {
      const reason = reasons.get(node);
      return decision(node, reason === undefined ? { as: this.#description() } : { reason });
    });
    for (const node of considered.filter(quantizes)) this.#quantize(node);
    this.#editor.removeUnused();
    return [...decisions, ...this.#inSubgraphs()];
  }

  get #isBlockedQdq(): boolean {
    return this.#options.format === 'qdq';
  }

  #requireBlockedOpset(): void {
    const opset = this.#editor.opset();
    if (opset >= BLOCKED_OPSET) return;
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `format 'qdq' needs operators of opset ${BLOCKED_OPSET}, the model has ${opset}: ` +
        "export it with a newer opset, or choose format 'qoperator'",
    );
  }

  #description(): string {
    const { bits, blockSize, symmetric } = this.#blocks;
    return `weights ${symmetric ? 'int' : 'uint'}${bits} in blocks of ${blockSize}`;
  }

  /** Why a node stays as it is, whatever else uses its weights. */
  #reasonOfItsOwn(node: NodeProto): string | undefined {
    if (this.#excluded.has(node)) return 'excluded by name';
    const tensor = this.#editor.constant(node.input[1]);
    if (!tensor) return 'its weights are not constant';
    if (tensor.dataType !== FLOAT) return `its weights are ${dataTypeName(tensor.dataType)}`;
    if (tensor.dims.length !== 2) return `its weights have ${tensor.dims.length} dimensions`;
    const { minElements = 1024 } = this.#options;
    const elements = elementCount(tensor);
    if (elements < minElements) return `too small: ${elements} weights`;
    if (this.#isBlockedQdq || !isStandard(node, 'Gemm')) return undefined;
    if (intAttribute(node, 'transA', 0) !== 0) return 'its input is transposed';
    const isScaled =
      floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1;
    return isScaled ? 'its product or bias is scaled (alpha, beta)' : undefined;
  }

  /** What keeps a weight in the file as it is. */
  #otherUser(node: NodeProto, quantizes: (user: NodeProto) => boolean): string | undefined {
    const name = node.input[1] ?? '';
    if (this.#editor.isOutput(name)) return 'an output';
    const other = this.#editor
      .users(name)
      .find((user) => !quantizes(user) || user.input.some((used, at) => used === name && at !== 1));
    return other && `${other.opType ?? ''} '${nodeLabel(other)}'`;
  }

  #weight(node: NodeProto, tensor: TensorProto): Weight {
    const [rows = 0, columns = 0] = tensor.dims;
    return isStandard(node, 'Gemm') && intAttribute(node, 'transB', 0) !== 0
      ? { tensor, k: columns, n: rows, isTransposed: true }
      : { tensor, k: rows, n: columns, isTransposed: false };
  }

  #quantize(node: NodeProto): void {
    const name = node.input[1] ?? '';
    const tensor = this.#editor.constant(name);
    if (!tensor) return;
    const weight = this.#weight(node, { ...tensor, name });
    const key = `${weight.isTransposed ? 'transposed' : 'plain'} ${name}`;
    const known = this.#quantized.get(key);
    if (this.#isBlockedQdq) {
      const [dequantized = ''] = known ?? [this.#addDequantized(weight)];
      this.#quantized.set(key, [dequantized]);
      this.#editor.setInput(node, 1, dequantized);
      if (weight.isTransposed) setAttribute(node, 'transB', 0n);
      return;
    }
    const inputs = known ?? this.#addTensors(weight);
    this.#quantized.set(key, inputs);
    this.#toMatMulNBits(node, weight, inputs);
  }

  /** DequantizeLinear and what it takes; the output's name. */
  #addDequantized(weight: Weight): string {
    const inputs = this.#addTensors(weight);
    const output = this.#editor.uniqueName(`${weight.tensor.name ?? ''}_dequantized`);
    const attributes = { axis: 0n, block_size: BigInt(this.#blocks.blockSize) };
    this.#editor.addNode(makeNode('DequantizeLinear', inputs, [output], { attributes }));
    const { model } = this.#editor;
    model.irVersion = Math.max(model.irVersion ?? 0, BLOCKED_IR_VERSION);
    return output;
  }

  #toMatMulNBits(node: NodeProto, { k, n }: Weight, quantized: readonly string[]): void {
    const [input = '', , bias = ''] = node.input;
    const { bits, blockSize } = this.#blocks;
    const { accuracyLevel = 0 } = this.#options;
    const attributes = { K: k, N: n, bits, block_size: blockSize, accuracy_level: accuracyLevel };
    node.opType = 'MatMulNBits';
    node.domain = 'com.microsoft';
    node.attribute = Object.entries(attributes).map(([name, value]) =>
      makeAttribute(name, BigInt(value)),
    );
    this.#editor.requireOpset('com.microsoft', 1);
    this.#editor.setInputs(node, [input, ...quantized]);
    if (bias === '') return;
    const [output = ''] = node.output;
    const product = this.#editor.uniqueName(`${output}_product`);
    this.#editor.setOutput(node, 0, product);
    this.#editor.addNode(makeNode('Add', [product, bias], [output]));
  }

  /** The names of a weight's integers, scales and, unless symmetric, zero points. */
  #addTensors({ tensor, k, n, isTransposed }: Weight): readonly string[] {
    const { name = '' } = tensor;
    const { bits, blockSize, symmetric } = this.#blocks;
    const { folder } = this.#options;
    const quantize = this.#isBlockedQdq ? blockedQdq : matMulNBits;
    const weight = new BlockedWeight(() => {
      const values = tensorValues(tensor, FLOAT, folder);
      return quantize(isTransposed ? transpose(values, n, k) : values, k, n, this.#blocks);
    });
    const add = (part: QuantizedTensor, suffix: string, type: number, dims: number[]): string =>
      this.#editor.addInitializer(
        computedTensor(`${name}_${suffix}`, type, dims, () => weight.read(part)),
      );
    const count = Math.ceil(k / blockSize);
    if (this.#isBlockedQdq) {
      const type = bits === 4 ? (symmetric ? INT4 : UINT4) : symmetric ? INT8 : UINT8;
      const names = [
        add('data', 'quantized', type, [k, n]),
        add('scales', 'scales', FLOAT, [count, n]),
      ];
      return symmetric ? names : [...names, add('zeroPoints', 'zero_points', type, [count, n])];
    }
    const zeroDims = [n, Math.ceil((count * bits) / 8)];
    const names = [
      add('data', 'quantized', UINT8, [n, count, (blockSize * bits) / 8]),
      add('scales', 'scales', FLOAT, [n, count]),
    ];
    return symmetric ? names : [...names, add('zeroPoints', 'zero_points', UINT8, zeroDims)];
  }

  #inSubgraphs(): OperatorDecision[] {
    const decisions: OperatorDecision[] = [];
    const node = (inner: NodeProto): void => {
      if (!isStandard(inner, 'MatMul', 'Gemm')) return;
      decisions.push(decision(inner, { reason: 'in the body or a branch of another operator' }));
    };
    for (const outer of this.#editor.nodes) {
      for (const graph of subgraphs(outer)) walkGraph(graph, { node });
    }
    return decisions;
  }
}

/**
 * Quantises the constant weights of MatMul and Gemm in blocks; they compute in float32. The integers
 * are computed when the model is written. A weight that several operators share is quantised once,
 * and not at all where another kind of operator keeps it in the file.
 *
 * @returns what became of each MatMul and Gemm
 * @throws OnliteError ERR_INVALID_ARGUMENT for wrong options; ERR_UNSUPPORTED where the format needs
 *   operators that the model's opset does not have.
 */
export function quantizeWeights(
  editor: GraphEditor,
  options: WeightOnlyOptions = {},
): OperatorDecision[] {
  return new WeightOnlyQuantizer(editor, options).run();
}
