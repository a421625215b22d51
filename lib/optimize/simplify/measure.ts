import {
  onnxByteLength,
  subgraphs,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../../formats/onnx';

/** How large a model is: what a simplified one is judged by. */
export interface ModelSize {
  /** Nodes, those inside If, Loop and Scan included. */
  readonly nodes: number;
  /** Nodes by operator, with the domain where it is not ONNX's own. */
  readonly operators: Readonly<Record<string, number>>;
  /** Bytes of the model with its external data. */
  readonly bytes: number;
}

function* nodesOf(graph: GraphProto): Generator<NodeProto> {
  for (const node of graph.node) {
    yield node;
    for (const inner of subgraphs(node)) yield* nodesOf(inner);
  }
}

/** All nodes of the model's graph. */
export const allNodes = ({ graph }: ModelProto): NodeProto[] => (graph ? [...nodesOf(graph)] : []);

export function operatorName({ domain = '', opType = '' }: NodeProto): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
}

export function measureModel(model: ModelProto): ModelSize {
  const nodes = allNodes(model);
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const name = operatorName(node);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return {
    nodes: nodes.length,
    operators: Object.fromEntries(sorted),
    bytes: onnxByteLength(model),
  };
}

/** Whether a model is the simpler one: fewer nodes, or as many in fewer bytes. */
export const isSimpler = (one: ModelSize, other: ModelSize): boolean =>
  one.nodes < other.nodes || (one.nodes === other.nodes && one.bytes < other.bytes);
