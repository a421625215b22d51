import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  SparseTensorProto,
  TensorProto,
} from './types';

export interface GraphVisitor {
  node?(node: NodeProto): void;
  /** Initializers and tensors in attributes; of a sparse tensor its values and its indices. */
  tensor?(tensor: TensorProto): void;
  graph?(graph: GraphProto): void;
}

function walkSparse(sparse: SparseTensorProto, visitor: GraphVisitor): void {
  if (sparse.values) visitor.tensor?.(sparse.values);
  if (sparse.indices) visitor.tensor?.(sparse.indices);
}

function walkAttribute(attribute: AttributeProto, visitor: GraphVisitor): void {
  if (attribute.t) visitor.tensor?.(attribute.t);
  for (const tensor of attribute.tensors) visitor.tensor?.(tensor);
  if (attribute.sparseTensor) walkSparse(attribute.sparseTensor, visitor);
  for (const sparse of attribute.sparseTensors) walkSparse(sparse, visitor);
  if (attribute.g) walkGraph(attribute.g, visitor);
  for (const graph of attribute.graphs) walkGraph(graph, visitor);
}

function walkNodes(nodes: readonly NodeProto[], visitor: GraphVisitor): void {
  for (const node of nodes) {
    visitor.node?.(node);
    for (const attribute of node.attribute) walkAttribute(attribute, visitor);
  }
}

/** Visits a graph and the graphs inside its attributes (If, Loop, Scan). */
export function walkGraph(graph: GraphProto, visitor: GraphVisitor): void {
  visitor.graph?.(graph);
  for (const tensor of graph.initializer) visitor.tensor?.(tensor);
  for (const sparse of graph.sparseInitializer) walkSparse(sparse, visitor);
  walkNodes(graph.node, visitor);
}

/** Visits the main graph with its subgraphs, then the bodies of the model's own functions. */
export function walkModel(model: ModelProto, visitor: GraphVisitor): void {
  if (model.graph) walkGraph(model.graph, visitor);
  for (const body of model.functions) {
    walkNodes(body.node, visitor);
    for (const attribute of body.attributeProto) walkAttribute(attribute, visitor);
  }
}
