import { TensorType, type SubgraphEditor } from '../../../formats/tflite';
import type { OperatorDecision } from '../decision';
import { float16Weights } from '../float16';
import { operatorLabel } from './int8-plan';
import { LAYERS } from './int8-rules';
import { LEAST_ELEMENTS } from './dynamic-range';

/** The version that converts float16. */
const DEQUANTIZE_VERSION = 3;

/**
 * Stores layers' weights as 16-bit floats, from which DEQUANTIZE makes float32 ones when the model is
 * loaded: half the size, and the speed of float32.
 *
 * @returns what became of the layers
 */
export function writeFloat16Weights(
  editor: SubgraphEditor,
  { exclude }: { readonly exclude?: ReadonlySet<string> } = {},
): OperatorDecision[] {
  const { graph } = editor;
  const converted = new Map<number, number>();
  const decisions: OperatorDecision[] = [];
  const convert = (index: number, values: Float32Array): number => {
    const { name = '', ...tensor } = editor.tensor(index) ?? {};
    const half = editor.addConstant(
      { ...tensor, name: `${name}_float16`, type: TensorType.float16 },
      float16Weights(values),
    );
    const float = editor.addTensor({ ...tensor, name, buffer: 0 });
    const opcodeIndex = editor.opcode('DEQUANTIZE', DEQUANTIZE_VERSION);
    graph.operators.unshift({ opcodeIndex, inputs: [half], outputs: [float] });
    converted.set(index, float);
    return float;
  };
  for (const operator of [...graph.operators]) {
    const name = editor.operatorName(operator);
    const rule = LAYERS.get(name);
    if (!rule) continue;
    const own = { node: operatorLabel(editor, operator), operator: name };
    const index = operator.inputs[rule.weight] ?? -1;
    const values = editor.constantFloats(index);
    if (exclude?.has(own.node)) {
      decisions.push({ ...own, reason: 'it was to stay float' });
    } else if (!values) {
      decisions.push({ ...own, reason: 'its weight is no float32 constant' });
    } else if (values.length < LEAST_ELEMENTS) {
      const reason = `its weight has fewer than ${LEAST_ELEMENTS} elements`;
      decisions.push({ ...own, reason });
    } else {
      operator.inputs[rule.weight] = converted.get(index) ?? convert(index, values);
      decisions.push({ ...own, as: 'float16' });
    }
  }
  return decisions;
}
