import {
  capturedNames,
  isStandard,
  OnnxDataType,
  subgraphs,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../../formats/onnx';
import { nodeLabel } from '../../quantize/decision';
import type { Dim, ValueTypes } from '../../simplify/value-types';
import type { ConstantAxis } from '../channel-graph';
import { CouplingWalk, type ConstantFloats } from '../coupling-walk';
import { UNKNOWN, UNKNOWN_OPERATOR } from '../couplings';
import type { LayerWeights } from '../layer-weights';
import { elementwiseCouplings } from './elementwise-couplings';
import { layerCouplings } from './layer-couplings';
import { onnxWeights } from './onnx-weights';
import { countProducts } from './products';
import { shapeCouplings } from './shape-couplings';
import { sliced } from './sliced';

/** What an operator couples: finds the channels of its outputs and ties its constants to them. */
export type Coupling = (node: NodeProto, walk: OnnxWalk) => string | undefined;

const COUPLINGS: Readonly<Record<string, Coupling>> = {
  ...layerCouplings,
  ...elementwiseCouplings,
  ...shapeCouplings,
};

export interface OnnxWalkOptions {
  /** The model file's, for external data. */
  readonly folder?: string;
  /** Why sizes are not known, where the runtime could not infer them. */
  readonly fault?: string;
}

/** Walks through an ONNX graph. */
export class OnnxWalk extends CouplingWalk {
  readonly editor: GraphEditor;
  readonly types: ValueTypes;
  readonly #folder: string | undefined;
  readonly #fault: string | undefined;

  constructor(editor: GraphEditor, types: ValueTypes, { folder, fault }: OnnxWalkOptions = {}) {
    super();
    this.editor = editor;
    this.types = types;
    this.#folder = folder;
    this.#fault = fault;
    for (const node of editor.commit().graph?.node ?? []) this.#visit(node);
    for (const { name = '' } of editor.graph.output) {
      this.keep(name, `'${name}' is an output of the model`);
    }
  }

  dims(name: string): readonly Dim[] | undefined {
    return this.editor.constant(name)?.dims ?? this.types.dims(name);
  }

  isConstant(name: string): boolean {
    return this.editor.constant(name) !== undefined;
  }

  floats(name: string): ConstantFloats | undefined {
    const tensor = this.editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT) return undefined;
    return { dims: tensor.dims, values: tensorValues(tensor, OnnxDataType.FLOAT, this.#folder) };
  }

  weights(): LayerWeights[] {
    return onnxWeights(this.editor, this.#folder);
  }

  countProducts(): number | undefined {
    return countProducts(this.editor, this.types);
  }

  slice({ name, axis }: ConstantAxis, kept: readonly number[]): void {
    const tensor = this.editor.constant(name);
    if (tensor) this.editor.setInitializer(name, sliced(tensor, axis, kept, this.#folder));
  }

  declareSize(value: string, axis: number, size: number): void {
    const info = this.editor.typeOf(value);
    if (info?.type?.tensorType?.shape?.dim[axis]?.dimValue === undefined) return;
    const changed = structuredClone(info);
    const dim = changed.type?.tensorType?.shape?.dim[axis];
    if (dim) dim.dimValue = size;
    this.editor.setType(changed);
  }

  exclude(labels: ReadonlySet<string>): void {
    for (const node of this.editor.nodes) {
      if (!labels.has(nodeLabel(node))) continue;
      for (const name of node.input) this.keep(name, `'${nodeLabel(node)}' is excluded`);
    }
  }

  protected originOf(value: string): string {
    if (this.editor.isInput(value)) return `'${value}' is an input of the model`;
    if (this.editor.constant(value)) return `'${value}' is constant`;
    const node = this.editor.producer(value);
    return `the channels of '${value}', which ${node?.opType ?? 'a graph'} makes, are not known`;
  }

  #visit(node: NodeProto): void {
    const own = isStandard(node) ? (node.opType ?? '') : undefined;
    if (own === 'Constant') return;
    const captured = subgraphs(node).flatMap((graph) => [...capturedNames(graph)]);
    const { opType: operator = '', input, output: outputs } = node;
    const visited = { operator, label: nodeLabel(node), inputs: [...input, ...captured], outputs };
    const coupling = COUPLINGS[own ?? ''];
    this.visit(visited, () => {
      if (!coupling) return UNKNOWN_OPERATOR;
      const reason = coupling(node, this);
      return reason === UNKNOWN && this.#fault !== undefined ? `${reason}: ${this.#fault}` : reason;
    });
  }
}
