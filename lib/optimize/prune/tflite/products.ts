import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { LAYERS } from '../../quantize/tflite/int8-rules';
import { weightTensors } from './tflite-weights';

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** How often a sample is multiplied by each of a layer's weights; undefined where sizes are not known. */
function positionsOf(editor: SubgraphEditor, operator: OperatorT): number | undefined {
  const name = editor.operatorName(operator);
  const input = LAYERS.get(name)?.input ?? 0;
  const tensor = editor.tensor(
    name === 'TRANSPOSE_CONV' ? operator.inputs[input] : operator.outputs[0],
  );
  const { shape = [], shapeSignature = [] } = tensor ?? {};
  // The first dimension is the samples', the last the channels'.
  const isKnown = shape.length > 0 && !shapeSignature.slice(1).includes(-1);
  return isKnown ? product(shape.slice(1, -1)) : undefined;
}

/** The multiplications by constant weights that a subgraph makes for one sample. */
export function countProducts(editor: SubgraphEditor): number | undefined {
  let count = 0;
  for (const { tensor, operators } of weightTensors(editor)) {
    const weights = product(editor.tensor(tensor)?.shape ?? []);
    for (const operator of operators) {
      const positions = positionsOf(editor, operator);
      if (positions === undefined) return undefined;
      count += weights * positions;
    }
  }
  return count;
}
