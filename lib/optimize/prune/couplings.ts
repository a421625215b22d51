import {
  capturedNames,
  isStandard,
  subgraphs,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';
import { nodeLabel } from '../quantize/decision';
import type { ValueTypes } from '../simplify/value-types';
import { ChannelGraph, type Channels, type IsKept } from './channel-graph';
import { elementwiseCouplings } from './elementwise-couplings';
import { layerCouplings } from './layer-couplings';
import { shapeCouplings } from './shape-couplings';

/** What an operator couples: finds the channels of its outputs and ties its constants to them. */
export type Coupling = (node: NodeProto, walk: CouplingWalk) => string | undefined;

const COUPLINGS: Readonly<Record<string, Coupling>> = {
  ...layerCouplings,
  ...elementwiseCouplings,
  ...shapeCouplings,
};

/**
 * Walks through an ONNX graph from its inputs and finds what each operator couples. A coupling that
 * is not understood gives its reason, and all channels that the node takes stay.
 */
export class CouplingWalk {
  readonly editor: GraphEditor;
  readonly types: ValueTypes;
  readonly graph: ChannelGraph;
  /** What else must change where channels are removed. */
  readonly adjustments: ((isKept: IsKept) => void)[] = [];

  constructor(editor: GraphEditor, types: ValueTypes) {
    this.editor = editor;
    this.types = types;
    this.graph = new ChannelGraph({
      dims: (name) => editor.constant(name)?.dims ?? types.dims(name),
    });
    for (const node of editor.commit().graph?.node ?? []) this.#visit(node);
    for (const { name = '' } of editor.graph.output) {
      this.#pin(name, `'${name}' is an output of the model`);
    }
  }

  /** A value's channels along an axis: those of inputs and of other operators' results stay. */
  channels(value: string, axis: number): Channels | undefined {
    const reason = this.#originOf(value);
    if (this.editor.constant(value)) this.graph.pinConstant(value, reason);
    return this.graph.along(value, axis, reason);
  }

  /** The elements of a constant along these of its axes; along the others they stay. */
  elements(constant: string, ...axes: readonly number[]): Int32Array[] {
    const rank = this.editor.constant(constant)?.dims.length ?? 0;
    for (let axis = 0; axis < rank; axis++) {
      if (axes.includes(axis)) continue;
      this.graph.pin(this.graph.constant(constant, axis), 'it is no dimension of channels');
    }
    return axes.map((axis) => this.graph.constant(constant, axis));
  }

  /** Has all channels of a value or a constant stay. */
  keep(name: string, reason: string): void {
    this.#pin(name, reason);
  }

  #visit(node: NodeProto): void {
    const operator = isStandard(node) ? (node.opType ?? '') : undefined;
    if (operator === 'Constant') return;
    const coupling = COUPLINGS[operator ?? ''];
    const reason = coupling ? coupling(node, this) : 'what it does with channels is not known';
    if (reason === undefined) {
      // What it makes has no channels: none of its constants was tied to any.
      if (!node.output.some((name) => this.graph.get(name))) this.#keepConstants(node);
      return;
    }
    const whole = `${node.opType ?? ''} '${nodeLabel(node)}': ${reason}`;
    const captured = subgraphs(node).flatMap((graph) => [...capturedNames(graph)]);
    for (const name of [...node.input, ...captured]) this.#pin(name, whole);
  }

  #keepConstants(node: NodeProto): void {
    const operator = node.opType ?? '';
    for (const name of node.input) {
      if (this.editor.constant(name))
        this.#pin(name, `'${name}' is used by ${operator}, which takes no channels`);
    }
  }

  #pin(name: string, reason: string): void {
    const channels = this.graph.get(name);
    if (channels) this.graph.pin(channels.ids, reason);
    if (this.editor.constant(name)) this.graph.pinConstant(name, reason);
  }

  #originOf(value: string): string {
    if (this.editor.isInput(value)) return `'${value}' is an input of the model`;
    if (this.editor.constant(value)) return `'${value}' is constant`;
    const node = this.editor.producer(value);
    return `the channels of '${value}', which ${node?.opType ?? 'a graph'} makes, are not known`;
  }
}
