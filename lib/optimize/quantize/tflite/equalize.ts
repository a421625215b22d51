import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { balanceChannels } from '../balance';
import type { Range } from '../parameters';
import { ACTIVATION, findChains, type Chain } from './channel-chains';

/**
 * Equalises the ranges of channels across layers, as `equalizeLayers` does for ONNX: convolutions,
 * depthwise and transposed ones too, and fully connected layers. Constants that are no longer used
 * are left to `removeUnused`.
 *
 * @param ranges - of tensors by name: a RELU6 that never reaches its bound becomes a RELU
 * @returns how many pairs of layers have been equalised
 */
export function equalizeTflite(editor: SubgraphEditor, ranges: ReadonlyMap<string, Range>): number {
  const chains = findChains(editor, ranges);
  balanceChannels(
    chains.map((chain) => {
      const { first, second } = chain;
      const channelOf = (input: number): number => input % first.layout.outputs;
      return { first, second, added: shiftMaxima(editor, chain), channelOf };
    }),
  );
  for (const layer of new Set(chains.flatMap(({ first, second }) => [first, second]))) {
    editor.replaceFloats(layer.operator, layer.rule.weight, layer.scaled());
  }
  for (const { first, shifts, clips } of chains) {
    for (const { operator, position } of shifts) {
      const values = editor.constantFloats(operator.inputs[position]) ?? new Float32Array();
      const scaled = values.map((value, channel) => value * (first.outputScale[channel] ?? 1));
      editor.replaceFloats(operator, position, scaled);
    }
    for (const operator of clips) becomeRelu(editor, operator);
  }
  return chains.length;
}

/** The greatest magnitude that is added to each channel of a chain's first layer, unscaled. */
function shiftMaxima(editor: SubgraphEditor, { first, shifts }: Chain): Float64Array {
  const maxima = new Float64Array(first.layout.outputs);
  for (const { operator, position } of shifts) {
    for (const [channel, value] of (
      editor.constantFloats(operator.inputs[position]) ?? []
    ).entries()) {
      maxima[channel] = Math.max(maxima[channel] ?? 0, Math.abs(value));
    }
  }
  return maxima;
}

function becomeRelu(editor: SubgraphEditor, operator: OperatorT): void {
  if (editor.operatorName(operator) === 'RELU6') operator.opcodeIndex = editor.opcode('RELU', 1);
  else if (operator.builtinOptions) {
    operator.builtinOptions['fusedActivationFunction'] = ACTIVATION.relu;
  }
}
