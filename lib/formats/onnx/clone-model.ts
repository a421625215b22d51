import type { AttributeProto, GraphProto, ModelProto, NodeProto } from './types';

const cloneAttribute = (attribute: AttributeProto): AttributeProto => ({
  ...attribute,
  ...(attribute.g ? { g: cloneGraph(attribute.g) } : {}),
  graphs: attribute.graphs.map(cloneGraph),
});

const cloneNode = (node: NodeProto): NodeProto => ({
  ...node,
  input: [...node.input],
  output: [...node.output],
  attribute: node.attribute.map(cloneAttribute),
});

function cloneGraph(graph: GraphProto): GraphProto {
  return {
    ...graph,
    node: graph.node.map(cloneNode),
    initializer: [...graph.initializer],
    input: [...graph.input],
    // Of a branch these are renamed with what it takes from around it.
    output: graph.output.map((info) => ({ ...info })),
  };
}

/** A copy whose graph may be edited; tensors, which editing replaces and never changes, are shared. */
export function cloneModel(model: ModelProto): ModelProto {
  return { ...model, ...(model.graph ? { graph: cloneGraph(model.graph) } : {}) };
}
