import type { NodeProto } from '../../formats/onnx';

/** What became of an operator that holds or moves real numbers. */
export interface OperatorDecision {
  /** The node's name, or its first output's where it has none. */
  readonly node: string;
  readonly operator: string;
  /** How it computes now, such as `uint8 × int8 per channel`; absent where it stays as it was. */
  readonly as?: string;
  /** Why it stays as it was, or what is to be known about it. */
  readonly reason?: string;
}

export function decision(
  node: NodeProto,
  outcome: { readonly as?: string; readonly reason?: string },
): OperatorDecision {
  const name = node.name === undefined || node.name === '' ? node.output[0] : node.name;
  return { node: name ?? '', operator: node.opType ?? '', ...outcome };
}
