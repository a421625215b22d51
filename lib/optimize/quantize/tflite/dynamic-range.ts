import { TensorType, type OperatorT, type SubgraphEditor } from '../../../formats/tflite';
import type { OperatorDecision } from '../decision';
import { quantizeArray } from '../integers';
import { weightParameters } from '../parameters';
import { operatorLabel } from './int8-plan';
import { LAYERS, type LayerRule } from './int8-rules';
import { quantizationT } from './write-int8';

/** Weights with fewer elements stay float, as TensorFlow's converter has it. */
export const LEAST_ELEMENTS = 1024;

/** The operators that quantise their input as they run, with the version that does so by channel. */
const VERSIONS: ReadonlyMap<string, number> = new Map([
  ['CONV_2D', 5],
  ['FULLY_CONNECTED', 12],
]);

/** Why a layer keeps its float weight; undefined where it can have an int8 one. */
function fault(editor: SubgraphEditor, operator: OperatorT, rule: LayerRule): string | undefined {
  const name = editor.operatorName(operator);
  // Kernels for it are slower than in float: XNNPACK has none.
  if (!VERSIONS.has(name)) return 'no dynamic int8 kernel is quicker than float';
  const weight = editor.constantFloats(operator.inputs[rule.weight]);
  if (!weight) return 'its weight is no float32 constant';
  if (weight.length < LEAST_ELEMENTS) return `its weight has fewer than ${LEAST_ELEMENTS} elements`;
  return undefined;
}

/**
 * Gives layers int8 weights with a scale for each channel; activations are quantised as the model
 * runs, each sample by its own range.
 *
 * @returns what became of the layers
 */
export function writeDynamicRange(
  editor: SubgraphEditor,
  { exclude }: { readonly exclude?: ReadonlySet<string> } = {},
): OperatorDecision[] {
  const quantized = new Map<string, number>();
  const quantize = (index: number, axis: number): number => {
    const key = `${index}:${axis}`;
    const known = quantized.get(key);
    if (known !== undefined) return known;
    const tensor = editor.tensor(index) ?? {};
    const { shape = [] } = tensor;
    const values = editor.constantFloats(index) ?? new Float32Array();
    const parameters = weightParameters(values, shape, 'int8', { axis });
    const added = editor.addConstant(
      { ...tensor, type: TensorType.int8, quantization: quantizationT(parameters) },
      quantizeArray(values, shape, parameters, 'int8'),
    );
    quantized.set(key, added);
    return added;
  };
  return editor.graph.operators.flatMap((operator): OperatorDecision[] => {
    const name = editor.operatorName(operator);
    const rule = LAYERS.get(name);
    if (!rule) return [];
    const own = { node: operatorLabel(editor, operator), operator: name };
    if (exclude?.has(own.node)) return [{ ...own, reason: 'it was to stay float' }];
    const reason = fault(editor, operator, rule);
    if (reason !== undefined) return [{ ...own, reason }];
    operator.inputs[rule.weight] = quantize(operator.inputs[rule.weight] ?? -1, rule.axis);
    if (operator.builtinOptions && name === 'FULLY_CONNECTED') {
      operator.builtinOptions['asymmetricQuantizeInputs'] = true;
    }
    editor.requireVersion(operator, VERSIONS.get(name) ?? 1);
    return [{ ...own, as: 'float32 × int8 per channel' }];
  });
}
