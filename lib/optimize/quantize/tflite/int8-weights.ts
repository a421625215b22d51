import type { Quantization } from '../../../engine/session/metadata';
import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { quantizeArray } from '../integers';
import { weightParameters } from '../parameters';
import type { LayerRule } from './int8-rules';

/** Integers of so many bytes are kept. */
const ROOM = 64 * 2 ** 20;

interface Known {
  readonly parameters: Quantization;
  integers?: Int8Array<ArrayBuffer>;
}

/**
 * Quantises layers' weights, and keeps the result for when a model of the same weights is written
 * again.
 */
export class Int8Weights {
  /** By the name of the layer's output. */
  readonly #known = new Map<string, Known>();
  #room = ROOM;

  /** @throws OnliteError ERR_INVALID_ARGUMENT for weights that are not finite */
  parameters(editor: SubgraphEditor, operator: OperatorT, rule: LayerRule): Quantization {
    return this.#of(editor, operator, rule).parameters;
  }

  /** @param parameters - the weights' own, or with scales that were raised */
  quantize(
    editor: SubgraphEditor,
    operator: OperatorT,
    rule: LayerRule,
    parameters: Quantization,
  ): Int8Array {
    const known = this.#of(editor, operator, rule);
    const isOwn = known.parameters.scale.every((own, index) => own === parameters.scale[index]);
    if (isOwn && known.integers) return known.integers;
    const { values, shape } = weightOf(editor, operator, rule);
    const integers = quantizeArray(values, shape, parameters, 'int8');
    if (isOwn && integers.byteLength <= this.#room) {
      this.#room -= integers.byteLength;
      known.integers = integers;
    }
    return integers;
  }

  #of(editor: SubgraphEditor, operator: OperatorT, rule: LayerRule): Known {
    const key = editor.tensor(operator.outputs[0])?.name ?? '';
    let known = this.#known.get(key);
    if (!known) {
      const { values, shape } = weightOf(editor, operator, rule);
      known = { parameters: weightParameters(values, shape, 'int8', { axis: rule.axis }) };
      this.#known.set(key, known);
    }
    return known;
  }
}

function weightOf(
  editor: SubgraphEditor,
  { inputs }: OperatorT,
  { weight }: LayerRule,
): { readonly values: Float32Array; readonly shape: readonly number[] } {
  const values = editor.constantFloats(inputs[weight]) ?? new Float32Array();
  return { values, shape: editor.tensor(inputs[weight])?.shape ?? [] };
}
