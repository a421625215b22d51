import {
  elementCount,
  integerValues,
  intAttribute,
  intsAttribute,
  isStandard,
  OnnxDataType,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';
import type { ConstantInput } from '../linear/constant-input';
import { LinearLayer } from '../linear/linear-layer';
import { clipBounds } from './clip';

/** What calibration found of tensors by name. */
export type TensorRanges = ReadonlyMap<string, { readonly max: number }>;

/** A layer and the one that alone takes its channels, with nothing between that mixes these. */
export interface Chain {
  readonly first: LinearLayer;
  readonly second: LinearLayer;
  /** What is added to each of the first layer's channels, its own bias among it. */
  readonly shifts: readonly ConstantInput[];
  /** Clips from 0 between the two that never reach their upper bound. */
  readonly clips: readonly NodeProto[];
}

export interface ChainOptions {
  readonly folder: string | undefined;
  /** Without ranges no Clip is known not to reach its bound. */
  readonly ranges: TensorRanges | undefined;
}

export function findChains(editor: GraphEditor, options: ChainOptions): Chain[] {
  const layers = new Map<NodeProto, LinearLayer>();
  for (const node of editor.nodes) {
    const layer = LinearLayer.of(editor, node, options.folder);
    if (layer) layers.set(node, layer);
  }
  return [...layers.values()].flatMap((first) => {
    const chain = new ChainWalk(editor, first, options).to(layers);
    return chain ? [chain] : [];
  });
}

/** Follows the value that a layer makes through operators that scale with it. */
class ChainWalk {
  readonly #editor: GraphEditor;
  readonly #first: LinearLayer;
  readonly #options: ChainOptions;
  readonly #shifts: ConstantInput[] = [];
  readonly #clips: NodeProto[] = [];
  /** Dimensions behind the channels': 0 from the first matrix, or flattening, on. */
  #trailing: number;

  constructor(editor: GraphEditor, first: LinearLayer, options: ChainOptions) {
    this.#editor = editor;
    this.#first = first;
    this.#options = options;
    this.#trailing = first.layout.rank;
  }

  to(layers: ReadonlyMap<NodeProto, LinearLayer>): Chain | undefined {
    const { node: start } = this.#first;
    if (!this.#takesBias(start)) return undefined;
    let value = start.output[0];
    for (;;) {
      const node = this.#editor.onlyUser(value);
      if (!node || value === undefined) return undefined;
      const second = layers.get(node);
      if (second) {
        if (node.input[0] !== value || !this.#fits(second)) return undefined;
        return { first: this.#first, second, shifts: this.#shifts, clips: this.#clips };
      }
      if (!this.#passes(node, value)) return undefined;
      value = node.output[0];
    }
  }

  #fits({ layout }: LinearLayer): boolean {
    const { outputs, rank } = this.#first.layout;
    if (this.#trailing !== layout.rank) return false;
    const isFlattened = rank > 0 && layout.rank === 0;
    return isFlattened ? layout.inputs % outputs === 0 : layout.inputs === outputs;
  }

  #passes(node: NodeProto, value: string): boolean {
    if (!isStandard(node)) return false;
    switch (node.opType) {
      // Operators f of one channel at a time for which f(s · x) = s · f(x) for every s > 0.
      case 'Identity':
      case 'LeakyRelu':
      case 'Relu':
        return true;
      case 'AveragePool':
      case 'GlobalAveragePool':
      case 'GlobalMaxPool':
      case 'MaxPool':
        return this.#trailing > 0;
      case 'Add':
        return this.#shift(node, node.input[0] === value ? 1 : 0);
      case 'Clip':
        return this.#passesClip(node);
      case 'ReduceMean':
        if (!this.#isOverSpace(node)) return false;
        return intAttribute(node, 'keepdims', 1) !== 0 || this.#flatten();
      case 'Flatten':
        return intAttribute(node, 'axis', 1) === 1 && this.#flatten();
      case 'Squeeze':
        return this.#isOverSpace(node) && this.#flatten();
      case 'Reshape':
        return this.#reshapesToRows(node, value) && this.#flatten();
      default:
        return false;
    }
  }

  #flatten(): true {
    this.#trailing = 0;
    return true;
  }

  #takesBias(node: NodeProto): boolean {
    return (node.input[2] ?? '') === '' || this.#shift(node, 2, 0);
  }

  /** Takes a constant in that has one element for each channel. */
  #shift(node: NodeProto, index: number, trailing = this.#trailing): boolean {
    const { outputs } = this.#first.layout;
    const tensor = this.#editor.constant(node.input[index]);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) !== outputs) return false;
    if (tensor.dims.at(-1 - trailing) !== outputs) return false;
    this.#shifts.push({ node, index });
    return true;
  }

  #passesClip(node: NodeProto): boolean {
    const [lower, upper] = clipBounds(this.#editor, node, this.#options.folder);
    if (lower !== 0 || upper === undefined) return false;
    if (upper === Infinity) return true;
    const { ranges } = this.#options;
    const before = ranges?.get(node.input[0] ?? '')?.max ?? Infinity;
    const after = ranges?.get(node.output[0] ?? '')?.max ?? Infinity;
    if (before > upper && after >= upper) return false;
    this.#clips.push(node);
    return true;
  }

  /** Whether a node makes a row of each sample, one channel after the other. */
  #reshapesToRows(node: NodeProto, value: string): boolean {
    const [rows, columns, ...others] = this.#integers(node.input[1]) ?? [];
    if (rows === undefined || columns === undefined || others.length > 0) return false;
    if (rows === 0) return intAttribute(node, 'allowzero', 0) === 0;
    const dims = this.#editor.typeOf(value)?.type?.tensorType?.shape?.dim ?? [];
    const [samples, ...sizes] = dims.map(({ dimValue = NaN }) => dimValue);
    const size = sizes.reduce((product, dim) => product * dim, 1);
    return (rows > 0 && rows === samples) || (columns > 0 && columns === size && sizes.length > 0);
  }

  /** Whether a node's axes are the spatial ones. */
  #isOverSpace(node: NodeProto): boolean {
    if (this.#trailing === 0) return false;
    const axes = intsAttribute(node, 'axes') ?? this.#integers(node.input[1]) ?? [];
    const rank = this.#trailing + 2;
    const own = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    return own.size === this.#trailing && [...own].every((axis) => axis >= 2 && axis < rank);
  }

  #integers(name: string | undefined): number[] | undefined {
    const tensor = this.#editor.constant(name);
    return tensor && integerValues(tensor, this.#options.folder);
  }
}
