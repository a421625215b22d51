import { TensorType, type OperatorT, type SubgraphEditor } from '../../../formats/tflite';
import { operatorLabel } from '../../quantize/tflite/int8-plan';
import type { Dim } from '../../simplify/value-types';
import type { ConstantAxis } from '../channel-graph';
import { CouplingWalk, type ConstantFloats } from '../coupling-walk';
import { UNKNOWN_OPERATOR } from '../couplings';
import type { LayerWeights } from '../layer-weights';
import { slicedBytes } from '../sliced-bytes';
import { elementwiseCouplings } from './elementwise-couplings';
import { layerCouplings } from './layer-couplings';
import { countProducts } from './products';
import { shapeCouplings } from './shape-couplings';
import { tfliteWeights } from './tflite-weights';

/** What an operator couples: finds the channels of its outputs and ties its constants to them. */
export type Coupling = (operator: OperatorT, walk: TfliteWalk) => string | undefined;

const COUPLINGS: Readonly<Record<string, Coupling>> = {
  ...layerCouplings,
  ...elementwiseCouplings,
  ...shapeCouplings,
};

/** Walks through a model's first subgraph, in which channels are the last dimension as a rule. */
export class TfliteWalk extends CouplingWalk {
  readonly editor: SubgraphEditor;
  /** What each tensor is called: its name, unless another one has it. */
  readonly #names: readonly string[];
  readonly #indices = new Map<string, number>();
  readonly #makers = new Map<number, OperatorT>();

  constructor(editor: SubgraphEditor) {
    super();
    this.editor = editor;
    this.#names = editor.graph.tensors.map(({ name = '' }, index) => {
      const own = name === '' || this.#indices.has(name) ? `${name}:${index}` : name;
      this.#indices.set(own, index);
      return own;
    });
    const { operators, outputs } = editor.graph;
    for (const operator of operators) {
      for (const index of operator.outputs) this.#makers.set(index, operator);
    }
    for (const operator of operators) this.#visit(operator);
    for (const index of outputs) {
      this.keep(this.name(index), `'${this.name(index)}' is an output of the model`);
    }
  }

  /** `''` for an optional input that is left out. */
  name(index: number | undefined): string {
    return this.#names[index ?? -1] ?? '';
  }

  names(indices: readonly number[]): string[] {
    return indices.map((index) => this.name(index));
  }

  dims(name: string): readonly Dim[] | undefined {
    const index = this.#indices.get(name) ?? -1;
    const { shape = [], shapeSignature = [], hasRank = false } = this.editor.tensor(index) ?? {};
    const isScalar = hasRank || this.isConstant(name);
    if (shape.length === 0) return isScalar ? [] : undefined;
    return shape.map((size, axis) => (shapeSignature[axis] === -1 ? undefined : size));
  }

  isConstant(name: string): boolean {
    const index = this.#indices.get(name) ?? -1;
    return (
      !this.editor.graph.inputs.includes(index) && this.editor.constantBytes(index) !== undefined
    );
  }

  floats(name: string): ConstantFloats | undefined {
    const index = this.#indices.get(name);
    const values = this.isConstant(name) ? this.editor.constantFloats(index) : undefined;
    return values && { dims: this.editor.tensor(index)?.shape ?? [], values };
  }

  /** The elements of a constant of 32-bit or 64-bit integers. */
  integers(index: number | undefined): number[] | undefined {
    const bytes = this.isConstant(this.name(index)) ? this.editor.constantBytes(index) : undefined;
    const own = bytes && Uint8Array.from(bytes).buffer;
    const { type } = this.editor.tensor(index) ?? {};
    if (own && type === TensorType.int32) return [...new Int32Array(own)];
    if (own && type === TensorType.int64) return [...new BigInt64Array(own)].map(Number);
    return undefined;
  }

  /** Gives an operator other integers for a constant input; other operators keep the old ones. */
  setIntegers(operator: OperatorT, position: number, values: readonly number[]): void {
    const tensor = this.editor.tensor(operator.inputs[position]) ?? {};
    const data =
      tensor.type === TensorType.int64
        ? BigInt64Array.from(values, BigInt)
        : Int32Array.from(values);
    operator.inputs[position] = this.editor.addConstant(tensor, data);
  }

  /** {@link setIntegers}, of one element. */
  setInteger(operator: OperatorT, position: number, at: number, value: number): void {
    const values = this.integers(operator.inputs[position]) ?? [];
    values[at] = value;
    this.setIntegers(operator, position, values);
  }

  /** The operator that makes a value. */
  maker(index: number | undefined): OperatorT | undefined {
    return this.#makers.get(index ?? -1);
  }

  weights(): LayerWeights[] {
    return tfliteWeights(this.editor.model);
  }

  countProducts(): number | undefined {
    return countProducts(this.editor);
  }

  slice({ name, axis }: ConstantAxis, kept: readonly number[]): void {
    const index = this.#indices.get(name);
    const [tensor, bytes] = [this.editor.tensor(index), this.editor.constantBytes(index)];
    if (!tensor || !bytes) return;
    const { shape: dims = [] } = tensor;
    const width = bytes.length / dims.reduce((all, size) => all * size, 1);
    const data = slicedBytes(bytes, { dims, width }, axis, kept);
    tensor.buffer = this.editor.model.buffers.push({ data }) - 1;
    this.declareSize(name, axis, kept.length);
  }

  declareSize(value: string, axis: number, size: number): void {
    const tensor = this.editor.tensor(this.#indices.get(value));
    const changed = (sizes: readonly number[]): number[] =>
      sizes.map((old, at) => (at === axis && old >= 0 ? size : old));
    if (tensor?.shape) tensor.shape = changed(tensor.shape);
    if (tensor?.shapeSignature) tensor.shapeSignature = changed(tensor.shapeSignature);
  }

  exclude(labels: ReadonlySet<string>): void {
    for (const operator of this.editor.graph.operators) {
      const label = operatorLabel(this.editor, operator);
      if (!labels.has(label)) continue;
      for (const name of this.names(operator.inputs)) this.keep(name, `'${label}' is excluded`);
    }
  }

  protected originOf(value: string): string {
    const index = this.#indices.get(value) ?? -1;
    if (this.editor.graph.inputs.includes(index)) return `'${value}' is an input of the model`;
    if (this.isConstant(value)) return `'${value}' is constant`;
    const maker = this.maker(index);
    const operator = maker ? this.editor.operatorName(maker) : 'nothing';
    return `the channels of '${value}', which ${operator} makes, are not known`;
  }

  #visit(operator: OperatorT): void {
    const name = this.editor.operatorName(operator);
    const label = operatorLabel(this.editor, operator);
    const [inputs, outputs] = [this.names(operator.inputs), this.names(operator.outputs)];
    const coupling = Object.hasOwn(COUPLINGS, name) ? COUPLINGS[name] : undefined;
    this.visit({ operator: name, label, inputs, outputs }, () =>
      coupling ? coupling(operator, this) : UNKNOWN_OPERATOR,
    );
  }
}
