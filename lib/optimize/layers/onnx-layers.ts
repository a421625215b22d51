import { dirname } from 'node:path';

import {
  externalDataFile,
  externalDataLocation,
  readOnnxModel,
  walkModel,
  writeOnnxModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from '../../formats/onnx';
import type { Layer, LayeredModel } from './layered-model';

/** Where the runtime finds external data of a model that it is given as bytes. */
function externalFiles(model: ModelProto, folder: string): { path: string; data: string }[] {
  const files = new Map<string, string>();
  walkModel(model, {
    tensor: (tensor) => {
      const path = externalDataLocation(tensor)?.location;
      const file = externalDataFile(tensor, folder);
      if (path !== undefined && file !== undefined) files.set(path, file);
    },
  });
  return [...files].map(([path, data]) => ({ path, data }));
}

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
 * The tensors between the nodes of an ONNX model's main graph, which become graph outputs without
 * a type: the runtime infers it. What integer operators compute is there as real values too.
 * Tensors inside If, Loop and Scan are their nodes' own.
 *
 * @param file - the model's path: external data lies beside it
 * @throws OnliteError ERR_MODEL_INVALID
 */
export function onnxLayers(bytes: Uint8Array, file: string): LayeredModel {
  const model = readOnnxModel(bytes);
  const { graph } = model;
  if (!graph) return { layers: [], withLayers: () => ({ bytes, options: {} }) };
  const added = dequantizers(graph);
  const layers = [...graph.node, ...added]
    .filter(({ opType }) => opType !== 'Constant')
    .flatMap(({ output, input, opType = '' }) =>
      output
        .filter((name) => name !== '')
        .map((name): Layer => ({ name, operator: opType, inputs: input })),
    );
  return {
    layers,
    withLayers: (names) => {
      const declared = new Set(graph.output.map(({ name }) => name));
      const others = names.filter((name) => !declared.has(name));
      const output = [...graph.output, ...others.map((name) => ({ name, metadataProps: [] }))];
      const wanted = added.filter((node) => node.output.some((name) => names.includes(name)));
      const changed = { ...graph, node: [...graph.node, ...wanted], output };
      const externalData = externalFiles(model, dirname(file));
      return {
        bytes: writeOnnxModel({ ...model, graph: changed }),
        options: externalData.length > 0 ? { externalData } : {},
      };
    },
  };
}
