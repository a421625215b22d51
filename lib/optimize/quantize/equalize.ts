import type { GraphEditor, NodeProto } from '../../formats/onnx';
import { constantFloats, replaceFloats, type ConstantInput } from '../linear/constant-input';
import type { LinearLayer } from '../linear/linear-layer';
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
export interface Equalization {
  /** The layers' outputs. */
  readonly from: string;
  readonly to: string;
  readonly channels: number;
  /** The first layer's widest channel over its narrowest that is not zero. */
  readonly spreadBefore: number;
  readonly spreadAfter: number;
}

/** A channel's factor may move this much in a round that is the last. */
const STILL = 1e-4;
const MAX_ROUNDS = 200;

/**
 * Equalises the ranges of channels across layers (Nagel et al., Data-Free Quantization Through
 * Weight Equalization and Bias Correction, 2019): the weights of channel i of a layer, and what is
 * added to it, are divided by s = √(r₁ · r₂) ∕ r₂, and the next layer's weights for the channel are
 * multiplied by s. r₂ is the greatest magnitude of the latter, r₁ that of the former, of what is
 * added too: otherwise a channel of small weights and a large bias would outgrow all others.
 * Repeated until still. The float model computes the same, within rounding; where all channels have
 * one scale, those of small ranges are no longer lost. Channels that are zero on one side are left
 * alone.
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
  const shifts = new Map(chains.map((chain) => [chain, shiftMaxima(editor, chain, folder)]));
  const spreads = (): number[] =>
    Array.from(shifts, ([{ first }, added]) => spread(channelRanges(first, added)));
  const before = spreads();
  for (let round = 0, change = Infinity; round < MAX_ROUNDS && change > STILL; round++) {
    change = Math.max(0, ...Array.from(shifts, ([chain, added]) => balance(chain, added)));
  }
  const after = spreads();
  for (const layer of new Set(chains.flatMap(({ first, second }) => [first, second]))) {
    replaceFloats(editor, { node: layer.node, index: 1 }, layer.scaled());
  }
  for (const { first, shifts, clips } of chains) {
    for (const shift of shifts) scaleShift(editor, shift, first.outputScale, folder);
    for (const clip of clips) becomeRelu(editor, clip);
  }
  return chains.map(({ first, second }, index) => ({
    from: first.node.output[0] ?? '',
    to: second.node.output[0] ?? '',
    channels: first.layout.outputs,
    spreadBefore: before[index] ?? 1,
    spreadAfter: after[index] ?? 1,
  }));
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

/** The greatest magnitude of the weights of each channel, and of what is added to it. */
function channelRanges(layer: LinearLayer, shifts: Float64Array): Float64Array {
  return layer
    .outputMaxima()
    .map((weight, channel) =>
      Math.max(weight, (shifts[channel] ?? 0) * (layer.outputScale[channel] ?? 1)),
    );
}

/** Moves the factors of one chain, and gives the greatest change as |log s|. */
function balance({ first, second }: Chain, shifts: Float64Array): number {
  const made = channelRanges(first, shifts);
  const taken = second.inputMaxima();
  // Flattening makes this many of each channel.
  const multiple = taken.length / made.length;
  let change = 0;
  for (const [channel, range] of made.entries()) {
    const [begin, end] = [channel * multiple, (channel + 1) * multiple];
    const scale = Math.sqrt(range / greatest(taken.subarray(begin, end)));
    if (!(scale > 0) || !Number.isFinite(scale)) continue;
    first.outputScale[channel] = (first.outputScale[channel] ?? 1) / scale;
    for (let input = begin; input < end; input++) {
      second.inputScale[input] = (second.inputScale[input] ?? 1) * scale;
    }
    change = Math.max(change, Math.abs(Math.log(scale)));
  }
  return change;
}

const greatest = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0);

function spread(maxima: Float64Array): number {
  const live = maxima.filter((maximum) => maximum > 0);
  return live.length === 0 ? 1 : greatest(live) / live.reduce((a, b) => Math.min(a, b));
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
