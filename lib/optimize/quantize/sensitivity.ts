import type { SessionOptions } from '../../engine/session/session-options';
import { isStandard, type GraphEditor } from '../../formats/onnx';
import { someOf, type Samples } from '../compare/sample';
import { modelByteLength } from '../guard/byte-length';
import { compareSomeLayers } from '../layers/compare-layers';
import { decision } from './decision';
import { inspectModel } from './workspace';

/** A dozen samples say which layers are the worst. */
const SAMPLES = 16;
/** Models of more bytes are not in memory at the same time. */
const LARGE = 128 * 2 ** 20;

/** The names of the nodes' values, of those they are computed from, and of what they are clipped to. */
function valuesOf(editor: GraphEditor, layers: ReadonlySet<string>): ReadonlySet<string> {
  const nodes = editor.nodes.filter((node) => layers.has(decision(node, {}).node));
  const clips = nodes.flatMap(({ output }) =>
    output.flatMap((name) => editor.onlyUser(name) ?? []),
  );
  return new Set(
    [...nodes, ...clips.filter((node) => isStandard(node, 'Relu', 'Clip'))].flatMap((node) => [
      ...node.output,
      ...node.input,
    ]),
  );
}

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
  const found = await compareSomeLayers(models, someOf(samples, SAMPLES), {
    ...options,
    only: inspectModel(models[0], (editor) => valuesOf(editor, layers)),
    apart: (await modelByteLength(models[0])) > LARGE,
  });
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
