import type { GraphEditor, NodeProto } from '../../formats/onnx';
import { constantFloats, replaceFloats, type ConstantInput } from '../linear/constant-input';
import { balanceChannels, type Balance } from './balance';
import { findChains, type Chain, type TensorRanges } from './channel-chains';

export interface EqualizeOptions {
  /** The model file's, for external data. */
  readonly folder?: string;
  /**
   * Ranges of tensors from calibration: where a Clip from 0 never reaches its upper bound, it is
   * taken for a Relu and becomes one if that lets layers be equalised. Values beyond those of the
   * calibration are no longer clipped then; without ranges, Clips end a chain.
   */
  readonly ranges?: TensorRanges;
}

/** Two layers whose channels have been given equal ranges. */
export interface Equalization extends Balance {
  /** The layers' outputs. */
  readonly from: string;
  readonly to: string;
  readonly channels: number;
}

/**
 * Equalises the ranges of channels across layers: see {@link balanceChannels}. The float model
 * computes the same, within rounding; where all channels have one scale, those of small ranges are no
 * longer lost.
 *
 * The layers are Conv (grouped and depthwise too), Gemm and MatMul of 32-bit floats with
 * constant weights of their own; between them are only Relu, LeakyRelu, pools, a constant for each
 * channel that is added, and what flattens; each of these values has one use. Constants that are
 * no longer used are left to `removeUnused`.
 *
 * @throws OnliteError as `tensorValues`.
 */
export function equalizeLayers(
  editor: GraphEditor,
  { folder, ranges }: EqualizeOptions = {},
): Equalization[] {
  const chains = findChains(editor, { folder, ranges });
  const balanced = balanceChannels(
    chains.map((chain) => {
      const { first, second } = chain;
      // Flattening makes this many of each channel.
      const multiple = second.layout.inputs / first.layout.outputs;
      const channelOf = (input: number): number => Math.floor(input / multiple);
      return { first, second, added: shiftMaxima(editor, chain, folder), channelOf };
    }),
  );
  for (const layer of new Set(chains.flatMap(({ first, second }) => [first, second]))) {
    replaceFloats(editor, { node: layer.node, index: 1 }, layer.scaled());
  }
  for (const { first, shifts, clips } of chains) {
    for (const shift of shifts) scaleShift(editor, shift, first.outputScale, folder);
    for (const clip of clips) becomeRelu(editor, clip);
  }
  return chains.flatMap(({ first, second }, index) => {
    const [from = '', to = ''] = [first.node.output[0], second.node.output[0]];
    const balance = balanced[index];
    return balance ? [{ from, to, channels: first.layout.outputs, ...balance }] : [];
  });
}

/** The greatest magnitude that is added to each channel of a chain's first layer, unscaled. */
function shiftMaxima(editor: GraphEditor, { first, shifts }: Chain, folder?: string): Float64Array {
  const maxima = new Float64Array(first.layout.outputs);
  for (const shift of shifts) {
    for (const [channel, value] of constantFloats(editor, shift, folder).entries()) {
      maxima[channel] = Math.max(maxima[channel] ?? 0, Math.abs(value));
    }
  }
  return maxima;
}

function scaleShift(
  editor: GraphEditor,
  shift: ConstantInput,
  scale: Float64Array,
  folder: string | undefined,
): void {
  const values = constantFloats(editor, shift, folder);
  replaceFloats(
    editor,
    shift,
    values.map((value, channel) => value * (scale[channel] ?? 1)),
  );
}

function becomeRelu(editor: GraphEditor, clip: NodeProto): void {
  clip.opType = 'Relu';
  clip.attribute = [];
  editor.setInputs(clip, clip.input.slice(0, 1));
}
