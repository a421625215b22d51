import { setImmediate } from 'node:timers/promises';

import { throwIfAborted } from '../../abort';
import type { LayerWeights } from './layer-weights';
import { shareWeights, type ShareOptions } from './share-weights';
import { zeroWeights, type ZeroOptions } from './zero-weights';

/** Those of layers that are not excluded. */
function changeable(
  weights: readonly LayerWeights[],
  exclude: ReadonlySet<string>,
): readonly LayerWeights[] {
  return weights.filter(({ layers }) => !layers.some(({ node }) => exclude.has(node)));
}

/** Zeroes weights of a model's layers, but of those that are excluded by name. */
export function zeroLayers(
  weights: readonly LayerWeights[],
  zeros: ZeroOptions,
  exclude: ReadonlySet<string>,
): void {
  const layers = changeable(weights, exclude).map((own) => ({
    own,
    matrix: own.matrix,
    values: own.values(),
  }));
  zeroWeights(layers, zeros);
  for (const { own, values } of layers) own.replace(values);
}

/**
 * Gives the weights of each of a model's layers few different values.
 *
 * @throws OnliteError ERR_CANCELLED between two layers
 */
export async function shareLayers(
  weights: readonly LayerWeights[],
  sharing: ShareOptions,
  exclude: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<void> {
  for (const own of changeable(weights, exclude)) {
    // What cancels, a signal of the process for one, is heard between turns.
    await setImmediate();
    throwIfAborted(signal);
    const values = own.values();
    shareWeights(values, sharing);
    own.replace(values);
  }
}
