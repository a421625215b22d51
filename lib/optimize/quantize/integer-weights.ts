import type { Quantization } from '../../engine/session/metadata';
import { OnliteError } from '../../errors';
import { OnnxDataType, tensorValues, type NodeProto, type TensorProto } from '../../formats/onnx';
import { quantizeArray } from './integers';
import { channelLayout, weightParameters, type IntegerType } from './parameters';
import { saturation, withoutSaturation, type Saturation } from './saturation';
import { targetTypes, type Target } from './target';

/** Integers of so many bytes are kept. */
const ROOM = 64 * 2 ** 20;

/** The constant weights of a layer, in a model that is open. */
export interface LayerWeights {
  readonly node: NodeProto;
  readonly weight: TensorProto;
  /** The weight's dimension of the channels that the layer makes, where each has its scale. */
  readonly axis: number | undefined;
  /** Where external data lies. */
  readonly folder: string | undefined;
}

/** What layers' weights are in integers. */
interface Quantized {
  readonly integers: Int8Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /** What processors without VNNI may make of them. */
  readonly saturation: Saturation | undefined;
}

interface Known {
  readonly quantization: Quantization;
  quantized?: Quantized;
}

/**
 * Quantises weights for one target, and keeps the result for when a model of the same weights is
 * written again.
 */
export class IntegerWeights {
  readonly #target: Target;
  /** By the layer's first output. */
  readonly #known = new Map<string, Known>();
  #room = ROOM;

  constructor(target: Target) {
    this.#target = target;
  }

  /** @throws OnliteError ERR_UNSUPPORTED for a weight that is not finite, with its name. */
  parameters(layer: LayerWeights): Quantization {
    const { node, weight } = layer;
    const key = node.output[0] ?? '';
    const known = this.#known.get(key);
    if (known) return known.quantization;
    const { weight: type, addsInPairs } = targetTypes(this.#target);
    const values = valuesOf(layer);
    const own = usefulScales(layerParameters(layer, values, type), values, weight.dims);
    const quantization = addsInPairs ? withoutSaturation(node, values, weight.dims, own) : own;
    this.#known.set(key, { quantization });
    return quantization;
  }

  /** @param quantization - the weights' own, or with scales that were raised */
  quantize(layer: LayerWeights, quantization: Quantization): Quantized {
    const known = this.#known.get(layer.node.output[0] ?? '');
    const isOwn =
      known?.quantization.scale.every((own, index) => own === quantization.scale[index]) === true;
    if (isOwn && known.quantized) return known.quantized;
    const quantized = this.#quantize(layer, quantization);
    const { byteLength } = quantized.integers;
    if (isOwn && byteLength <= this.#room) {
      this.#room -= byteLength;
      known.quantized = quantized;
    }
    return quantized;
  }

  #quantize(layer: LayerWeights, quantization: Quantization): Quantized {
    const { node, weight } = layer;
    const { activation, weight: type, addsInPairs } = targetTypes(this.#target);
    const integers = quantizeArray(valuesOf(layer), weight.dims, quantization, type);
    const canSaturate = activation === 'uint8' && !addsInPairs && integers instanceof Int8Array;
    return {
      integers,
      saturation: canSaturate ? saturation(node, integers, weight.dims) : undefined,
    };
  }
}

const valuesOf = ({ weight, folder }: LayerWeights): Float32Array =>
  tensorValues(weight, OnnxDataType.FLOAT, folder);

function layerParameters(
  { weight: { name = '', dims }, axis }: LayerWeights,
  values: Float32Array,
  type: IntegerType,
): Quantization {
  try {
    return weightParameters(values, dims, type, axis === undefined ? {} : { axis });
  } catch (cause) {
    throw new OnliteError('ERR_UNSUPPORTED', `weight '${name}' has values that are not finite`, {
      cause,
    });
  }
}

/**
 * Gives a channel whose weights are all 0, and whose scale is therefore 1, the least scale of the
 * others: its bias has that scale, and would be lost in steps of 1.
 */
function usefulScales(
  quantization: Quantization,
  values: Float32Array,
  dims: readonly number[],
): Quantization {
  const { outer, channels, inner } = channelLayout(dims, quantization.axis);
  const isZero = (channel: number): boolean => {
    for (let block = 0; block < outer; block++) {
      const start = (block * channels + channel) * inner;
      if (values.subarray(start, start + inner).some((value) => value !== 0)) return false;
    }
    return true;
  };
  const zeros = quantization.scale.map((each, channel) => each === 1 && isZero(channel));
  const others = quantization.scale.filter((_, channel) => zeros[channel] !== true);
  if (others.length === 0) return quantization;
  const least = others.reduce((one, other) => Math.min(one, other));
  const scale = quantization.scale.map((each, channel) => (zeros[channel] === true ? least : each));
  return { ...quantization, scale };
}
