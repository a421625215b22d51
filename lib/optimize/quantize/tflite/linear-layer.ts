import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { ScaledWeights } from '../../linear/scaled-weights';
import type { WeightLayout } from '../../linear/weight-layout';
import { LAYERS, type LayerRule } from './int8-rules';

/** An operator with constant weights, and a bias that is constant or that it has not. */
export class TfliteLayer extends ScaledWeights {
  readonly operator: OperatorT;
  readonly rule: LayerRule;

  private constructor(
    operator: OperatorT,
    rule: LayerRule,
    layout: WeightLayout,
    read: () => Float32Array,
  ) {
    super(layout, read);
    this.operator = operator;
    this.rule = rule;
  }

  /**
   * Undefined for other operators, for weights that are computed, used by other operators too or not
   * of 32-bit floats, and for such biases.
   */
  static of(editor: SubgraphEditor, operator: OperatorT): TfliteLayer | undefined {
    const rule = LAYERS.get(editor.operatorName(operator));
    if (!rule) return undefined;
    const weight = operator.inputs[rule.weight] ?? -1;
    const layout = layoutOf(editor, operator, rule);
    const values = editor.constantFloats(weight);
    if (!layout || !values || editor.onlyUser(weight) !== operator) return undefined;
    const bias = operator.inputs[rule.bias] ?? -1;
    if (bias >= 0 && editor.constantFloats(bias)?.length !== layout.outputs) return undefined;
    return new TfliteLayer(operator, rule, layout, () => values);
  }
}

function layoutOf(
  editor: SubgraphEditor,
  operator: OperatorT,
  { input, weight }: LayerRule,
): WeightLayout | undefined {
  const dims = editor.tensor(operator.inputs[weight])?.shape ?? [];
  const inputs = editor.tensor(operator.inputs[input])?.shape?.at(-1) ?? 0;
  const [rows = 0, height = 0, width = 0, depth = 0] = dims;
  const common = { rank: 2, kernel: height * width, inputsFirst: false };
  switch (editor.operatorName(operator)) {
    case 'FULLY_CONNECTED':
      if (dims.length !== 2 || editor.option(operator, 'weightsFormat') !== 0) return undefined;
      return {
        ...{ inputs: height, outputs: rows, groups: 1 },
        ...{ rank: 0, kernel: 1, interleaved: 1, inputsFirst: false },
      };
    case 'DEPTHWISE_CONV_2D':
      if (inputs === 0 || depth % inputs !== 0) return undefined;
      return { ...common, inputs, outputs: depth, groups: inputs, interleaved: depth };
    default: {
      const groups = inputs / depth;
      if (!(groups >= 1) || inputs % depth !== 0 || rows % groups !== 0) return undefined;
      return { ...common, inputs, outputs: rows, groups, interleaved: depth };
    }
  }
}
