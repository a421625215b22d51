import type { Quantization } from '../../../engine/session/metadata';
import { OnliteError } from '../../../errors';
import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { rangeParameters, type Range } from '../parameters';
import { isLayerRule, type Int8Plan } from './int8-plan';
import { INT16_FIXED, type Activations } from './int8-rules';

const INT16_MAX = 32767;

/** The parameters of an activation, or of a constant beside one, by its range; int16 is symmetric. */
export function activationParameters({ min, max }: Range, activations: Activations): Quantization {
  if (activations === 'int8') return rangeParameters({ min, max }, 'int8');
  const scale = Math.fround(Math.max(Math.abs(min), Math.abs(max)) / INT16_MAX);
  return { scale: [scale >= 2 ** -126 ? scale : 1], zeroPoint: [0] };
}

/**
 * The parameters of every activation that becomes int8, by its index: those of its range, unless the
 * operator that makes it has fixed ones or passes its input's on. An operator whose inputs must have
 * its output's parameters (a concatenation) gives them to such as nothing else uses.
 *
 * @param ranges - by the tensors' names
 */
export function int8Parameters(
  editor: SubgraphEditor,
  { operators, tensors, activations }: Int8Plan,
  ranges: ReadonlyMap<string, Range>,
): ReadonlyMap<number, Quantization> {
  const found = new Map<number, Quantization>();
  const byRange = (index: number): Quantization => {
    const name = editor.tensor(index)?.name ?? '';
    const range = ranges.get(name);
    if (!range) throw new OnliteError('ERR_UNSUPPORTED', `tensor '${name}' has no range`);
    return activationParameters(range, activations);
  };
  const fixed = (own: Quantization): Quantization => (activations === 'int8' ? own : INT16_FIXED);
  const makers = new Map<number, OperatorT>();
  for (const [operator, { rule, data }] of operators) {
    for (const position of data) {
      const input = operator.inputs[position] ?? -1;
      if (tensors.has(input) && !found.has(input)) found.set(input, byRange(input));
    }
    const [first] = data.map((position) => found.get(operator.inputs[position] ?? -1));
    for (const output of operator.outputs) {
      makers.set(output, operator);
      if (isLayerRule(rule) || rule.output === 'own' || rule.output === 'shared') {
        found.set(output, byRange(output));
      } else {
        found.set(
          output,
          (rule.output === 'input' ? first : fixed(rule.output)) ?? byRange(output),
        );
      }
    }
  }
  const uses = new Map<number, number>();
  const used = [...editor.graph.operators.flatMap(({ inputs }) => inputs), ...editor.graph.outputs];
  for (const index of used) uses.set(index, (uses.get(index) ?? 0) + 1);
  /** Nothing depends on what range a tensor has that is made for one operator only. */
  const isFree = (index: number): boolean => {
    const maker = makers.get(index);
    const rule = maker && operators.get(maker)?.rule;
    const isOwn = rule && (isLayerRule(rule) || rule.output === 'own' || rule.output === 'shared');
    return isOwn === true && uses.get(index) === 1;
  };
  for (const [operator, { rule, data }] of [...operators].reverse()) {
    if (isLayerRule(rule) || rule.output !== 'shared') continue;
    const own = found.get(operator.outputs[0] ?? -1);
    for (const position of data) {
      const input = operator.inputs[position] ?? -1;
      if (own && isFree(input)) found.set(input, own);
    }
  }
  return found;
}
