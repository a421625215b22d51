import { makeTensor, OnnxDataType, tensorValues, type GraphEditor } from '../../formats/onnx';
import { nodeLabel } from '../quantize/decision';
import { shareWeights, type ShareOptions } from './share-weights';
import { weightTensors, type WeightTensor } from './weight-matrix';
import { zeroWeights, type ZeroOptions } from './zero-weights';

/** What all changes of a model's weights need to know. */
export interface WeightOptions {
  /** Nodes by name (or first output) whose weights stay. */
  readonly exclude: ReadonlySet<string>;
  /** The model file's, for external data. */
  readonly folder?: string;
}

/** Changes copies of the weights, and puts them in the places of these. */
function changeWeights(
  editor: GraphEditor,
  { exclude, folder }: WeightOptions,
  change: (layers: readonly (WeightTensor & { readonly values: Float32Array })[]) => void,
): void {
  const layers = weightTensors(editor).flatMap((weights) => {
    const tensor = editor.constant(weights.name);
    if (!tensor || weights.nodes.some((node) => exclude.has(nodeLabel(node)))) return [];
    const values = tensorValues(tensor, OnnxDataType.FLOAT, folder).slice();
    return [{ ...weights, dims: tensor.dims, values }];
  });
  change(layers);
  for (const { name, dims, values } of layers) {
    editor.setInitializer(name, makeTensor(name, OnnxDataType.FLOAT, dims, values));
  }
}

/** Zeroes weights of a model's layers. */
export function zeroLayers(editor: GraphEditor, zeros: ZeroOptions, options: WeightOptions): void {
  changeWeights(editor, options, (layers) => {
    zeroWeights(layers, zeros);
  });
}

/** Gives the weights of each of a model's layers few different values. */
export function shareLayers(
  editor: GraphEditor,
  sharing: ShareOptions,
  options: WeightOptions,
): void {
  changeWeights(editor, options, (layers) => {
    for (const { values } of layers) shareWeights(values, sharing);
  });
}
