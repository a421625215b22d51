import { dirname } from 'node:path';

import {
  externalDataFile,
  externalDataLocation,
  readOnnxModel,
  walkModel,
  writeOnnxModel,
  type ModelProto,
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
 * The tensors between the nodes of an ONNX model's main graph, which become graph outputs without
 * a type: the runtime infers it. Tensors inside If, Loop and Scan are their nodes' own.
 *
 * @param file - the model's path: external data lies beside it
 */
export function onnxLayers(bytes: Uint8Array, file: string): LayeredModel {
  const model = readOnnxModel(bytes);
  const { node: nodes = [], output: outputs = [] } = model.graph ?? {};
  const layers = nodes
    .filter(({ opType }) => opType !== 'Constant')
    .flatMap(({ output, input, opType = '' }) =>
      output
        .filter((name) => name !== '')
        .map((name): Layer => ({ name, operator: opType, inputs: input })),
    );
  return {
    layers,
    withLayers: (names) => {
      const declared = new Set(outputs.map(({ name }) => name));
      const added = names.filter((name) => !declared.has(name));
      const output = [...outputs, ...added.map((name) => ({ name, metadataProps: [] }))];
      const externalData = externalFiles(model, dirname(file));
      return {
        bytes: writeOnnxModel({
          ...model,
          ...(model.graph && { graph: { ...model.graph, output } }),
        }),
        options: externalData.length > 0 ? { externalData } : {},
      };
    },
  };
}
