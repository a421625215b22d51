import type { GraphProto, ModelProto, NodeProto } from '../../formats/onnx';
import type { Layer } from './layered-model';

/**
 * What ONNX Runtime's quantiser calls a tensor after its QuantizeLinear and DequantizeLinear, after
 * its integer operators (QOperator format), and the parameters of those.
 */
export const DEQUANTIZED = '_DequantizeLinear_Output';
const QUANTIZED = '_quantized';
const SCALE = '_scale';
const ZERO_POINT = '_zero_point';

/** Nodes that give the real values of what integer operators compute. */
function dequantizers({ node: nodes, initializer }: GraphProto): NodeProto[] {
  const constants = new Set(initializer.map(({ name }) => name));
  const computed = new Set(nodes.flatMap(({ output }) => output));
  return nodes
    .flatMap(({ output }) => output)
    .filter((name) => name.endsWith(QUANTIZED))
    .flatMap((name): NodeProto[] => {
      const base = name.slice(0, -QUANTIZED.length);
      if (!constants.has(base + SCALE) || computed.has(base + DEQUANTIZED)) return [];
      const zeroPoint = constants.has(base + ZERO_POINT) ? [base + ZERO_POINT] : [];
      return [
        {
          opType: 'DequantizeLinear',
          input: [name, base + SCALE, ...zeroPoint],
          output: [base + DEQUANTIZED],
          attribute: [],
          metadataProps: [],
        },
      ];
    });
}

/**
 * The tensors between the nodes of an ONNX model's main graph; what integer operators compute is
 * there as real values too. Tensors inside If, Loop and Scan are their nodes' own.
 */
export function onnxLayers({ graph }: ModelProto): Layer[] {
  if (!graph) return [];
  return [...graph.node, ...dequantizers(graph)]
    .filter(({ opType }) => opType !== 'Constant')
    .flatMap(({ output, input, opType = '' }) =>
      output
        .filter((name) => name !== '')
        .map((name): Layer => ({ name, operator: opType, inputs: input })),
    );
}

/** The model with layers as graph outputs without a type: the runtime infers it. */
export function withOnnxLayers(model: ModelProto, names: readonly string[]): ModelProto {
  const { graph } = model;
  if (!graph) return model;
  const declared = new Set(graph.output.map(({ name }) => name));
  const others = names.filter((name) => !declared.has(name));
  const output = [...graph.output, ...others.map((name) => ({ name, metadataProps: [] }))];
  const wanted = dequantizers(graph).filter((node) =>
    node.output.some((name) => names.includes(name)),
  );
  return { ...model, graph: { ...graph, node: [...graph.node, ...wanted], output } };
}
