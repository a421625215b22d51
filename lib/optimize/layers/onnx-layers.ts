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

/**
 * The model with layers as its graph outputs, without a type: the runtime infers it. Of the other
 * outputs those that take computing are no longer there: what is behind the last layer is not run.
 */
export function withOnnxLayers(model: ModelProto, names: readonly string[]): ModelProto {
  const { graph } = model;
  if (!graph || names.length === 0) return model;
  const declared = new Set(graph.output.map(({ name }) => name));
  const computed = new Set(graph.node.flatMap((node) => node.output));
  const wanted = new Set(names);
  const own = graph.output.filter(({ name = '' }) => wanted.has(name) || !computed.has(name));
  const others = names.filter((name) => !declared.has(name));
  const output = [...own, ...others.map((name) => ({ name, metadataProps: [] }))];
  const extra = dequantizers(graph).filter((node) => node.output.some((name) => wanted.has(name)));
  return { ...model, graph: { ...graph, node: [...graph.node, ...extra], output } };
}
