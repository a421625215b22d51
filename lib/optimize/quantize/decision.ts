import { invalidArgument } from '../../errors';
import type { GraphEditor, NodeProto } from '../../formats/onnx';
import type { Saturation } from './saturation';

/** What became of an operator that holds or moves real numbers. */
export interface OperatorDecision {
  /** The node's name, or its first output's where it has none. */
  readonly node: string;
  readonly operator: string;
  /** How it computes now, such as `uint8 × int8 per channel`; absent where it stays as it was. */
  readonly as?: string;
  /** What processors without VNNI may make of it; where that is not nothing. */
  readonly saturation?: Saturation;
  /** Why it stays as it was, or what is to be known about it. */
  readonly reason?: string;
}

/** The {@link OperatorDecision.reason} of operators that ONNX Runtime computes in float alone. */
export const NO_INTEGER_KERNEL = 'ONNX Runtime has no integer kernel for it';

/** What decisions and options call a node. */
export function nodeLabel({ name, output }: NodeProto): string {
  return (name === undefined || name === '' ? output[0] : name) ?? '';
}

export function decision(
  node: NodeProto,
  outcome: Omit<OperatorDecision, 'node' | 'operator'>,
): OperatorDecision {
  return { node: nodeLabel(node), operator: node.opType ?? '', ...outcome };
}

/**
 * The nodes that an option names.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a name that no node has.
 */
export function nodesNamed(
  editor: GraphEditor,
  names: readonly string[],
  option: string,
): ReadonlySet<NodeProto> {
  const wanted = new Set(names);
  const found = new Set(editor.nodes.filter((node) => wanted.has(nodeLabel(node))));
  for (const node of found) wanted.delete(nodeLabel(node));
  const [missing] = wanted;
  if (missing !== undefined) throw invalidArgument(option, 'names of nodes', missing);
  return found;
}

/** Says of layers that were left float by the limits that it was these. */
export function tooNoisy(
  decisions: readonly OperatorDecision[],
  layers: readonly string[],
): OperatorDecision[] {
  const reason = 'it adds more noise than the limits allow';
  return decisions.map((each) => (layers.includes(each.node) ? { ...each, reason } : each));
}
