import type { ScaledWeights } from '../linear/scaled-weights';

/** A layer and the one that alone takes its channels, with nothing between that mixes these. */
export interface ChannelPair {
  readonly first: ScaledWeights;
  readonly second: ScaledWeights;
  /** The greatest magnitude that is added to each of the first layer's channels, unscaled. */
  readonly added: Float64Array;
  /** The first layer's channel that is one of the second's inputs. */
  readonly channelOf: (input: number) => number;
}

/** What balancing did to a pair. */
export interface Balance {
  /** The first layer's widest channel over its narrowest that is not zero. */
  readonly spreadBefore: number;
  readonly spreadAfter: number;
}

/** A channel's factor may move this much in a round that is the last. */
const STILL = 1e-4;
const MAX_ROUNDS = 200;

/**
 * Gives channels equal ranges on both sides of each pair (Nagel et al., Data-Free Quantization
 * Through Weight Equalization and Bias Correction, 2019): the weights of channel i of a layer, and
 * what is added to it, are divided by s = √(r₁ · r₂) ∕ r₂, and the next layer's weights for the channel are
 * multiplied by s. r₂ is the greatest magnitude of the latter, r₁ that of the former, of what is
 * added too: otherwise a channel of small weights and a large bias would outgrow all others.
 * Repeated until still. Channels that are zero on one side are left alone.
 */
export function balanceChannels(pairs: readonly ChannelPair[]): Balance[] {
  const before = pairs.map(spread);
  for (let round = 0, change = Infinity; round < MAX_ROUNDS && change > STILL; round++) {
    change = Math.max(0, ...pairs.map(balance));
  }
  return pairs.map((pair, index) => ({
    spreadBefore: before[index] ?? 1,
    spreadAfter: spread(pair),
  }));
}

/** The greatest magnitude of the weights of each channel, and of what is added to it. */
function channelRanges({ first, added }: ChannelPair): Float64Array {
  return first
    .outputMaxima()
    .map((weight, channel) =>
      Math.max(weight, (added[channel] ?? 0) * (first.outputScale[channel] ?? 1)),
    );
}

/** Moves the factors of one pair, and gives the greatest change as |log s|. */
function balance(pair: ChannelPair): number {
  const { first, second, channelOf } = pair;
  const made = channelRanges(pair);
  const taken = new Float64Array(made.length);
  for (const [input, maximum] of second.inputMaxima().entries()) {
    const channel = channelOf(input);
    taken[channel] = Math.max(taken[channel] ?? 0, maximum);
  }
  let change = 0;
  const scales = made.map((range, channel) => {
    const scale = Math.sqrt(range / (taken[channel] ?? 0));
    return scale > 0 && Number.isFinite(scale) ? scale : 1;
  });
  for (const [channel, scale] of scales.entries()) {
    first.outputScale[channel] = (first.outputScale[channel] ?? 1) / scale;
    change = Math.max(change, Math.abs(Math.log(scale)));
  }
  for (const input of second.inputScale.keys()) {
    second.inputScale[input] = (second.inputScale[input] ?? 1) * (scales[channelOf(input)] ?? 1);
  }
  return change;
}

function spread(pair: ChannelPair): number {
  const live = channelRanges(pair).filter((maximum) => maximum > 0);
  return live.length === 0
    ? 1
    : live.reduce((a, b) => Math.max(a, b)) / live.reduce((a, b) => Math.min(a, b));
}
