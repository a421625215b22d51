import type { SessionOptions } from '../../engine/session/session-options';
import type { Samples } from '../compare/sample';
import { compareLayers } from '../layers/compare-layers';
import { decision } from './decision';
import { inspectModel } from './workspace';

/**
 * The layers of a float model by the noise that each adds in a quantised one, the worst first, as
 * decisions call them.
 *
 * @param layers - those of interest, by the same names
 */
export async function layersByNoise(
  models: readonly [float: string, quantized: string],
  layers: ReadonlySet<string>,
  samples: Samples,
  options: { readonly session?: SessionOptions; readonly signal?: AbortSignal },
): Promise<string[]> {
  const found = await compareLayers(models, samples, options);
  return inspectModel(models[0], (editor) => {
    const noise = new Map<string, number>();
    for (const { name, addedNoise } of found.layers) {
      // A Relu or Clip that is part of a layer shows the layer's noise.
      let node = editor.producer(name);
      if (node && !layers.has(decision(node, {}).node)) node = editor.producer(node.input[0]);
      const layer = node && decision(node, {}).node;
      if (layer === undefined || !layers.has(layer)) continue;
      noise.set(layer, Math.max(noise.get(layer) ?? 0, addedNoise));
    }
    return [...noise].sort(([, a], [, b]) => b - a).map(([name]) => name);
  });
}

/**
 * The least number of items of a list, from its head, for which a condition holds, tried in steps
 * that double and then halve; undefined where it does not hold for all of them.
 */
export async function leastPrefix<Item>(
  items: readonly Item[],
  holds: (head: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[] | undefined> {
  const prefix = (count: number): readonly Item[] => items.slice(0, count);
  let low = 0;
  let high = 1;
  while (high < items.length && !(await holds(prefix(high)))) {
    low = high;
    high *= 2;
  }
  high = Math.min(high, items.length);
  if (high === items.length && !(await holds(prefix(high)))) return undefined;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await holds(prefix(middle))) high = middle;
    else low = middle;
  }
  return prefix(high);
}
