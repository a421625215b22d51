import type { NodeProto } from '../../formats/onnx';
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

export function decision(
  node: NodeProto,
  outcome: Omit<OperatorDecision, 'node' | 'operator'>,
): OperatorDecision {
  const name = node.name === undefined || node.name === '' ? node.output[0] : node.name;
  return { node: name ?? '', operator: node.opType ?? '', ...outcome };
}
