import { gzipSync } from 'node:zlib';

import type { LayerWeights } from './layer-weights';

/** A figure before and after. */
export type FigureChange = readonly [before: number, after: number];

/** What was made of a layer's weights. */
export interface PrunedLayer {
  /** The name of the first node that uses them, or its first output's where it has none. */
  readonly node: string;
  readonly operator: string;
  readonly weights: FigureChange;
  readonly zeros: FigureChange;
  /** Different values. */
  readonly values: FigureChange;
  readonly bytes: FigureChange;
  /** After gzip. */
  readonly compressedBytes: FigureChange;
}

interface Figures {
  readonly node: string;
  readonly operator: string;
  readonly weights: number;
  readonly zeros: number;
  readonly values: number;
  readonly bytes: number;
  readonly compressedBytes: number;
}

/** How many different values there are: a Set has room for less than 2²⁴ of them. */
export function countDistinct(values: Float32Array): number {
  const sorted = values.slice().sort();
  return sorted.reduce((count, value, index) => count + (value === sorted[index - 1] ? 0 : 1), 0);
}

/** Of the weights of a model's layers, by the constant's name. */
export function measureLayers(weights: readonly LayerWeights[]): ReadonlyMap<string, Figures> {
  const found = weights.flatMap((own): [string, Figures][] => {
    const [layer] = own.layers;
    if (!layer) return [];
    const values = own.values();
    const bytes = new Uint8Array(values.buffer);
    const figures = {
      ...layer,
      weights: values.length,
      zeros: values.reduce((count, value) => count + (value === 0 ? 1 : 0), 0),
      values: countDistinct(values),
      bytes: bytes.length,
      compressedBytes: gzipSync(bytes).length,
    };
    return [[own.name, figures]];
  });
  return new Map(found);
}

/** The layers of two models, in the order of the first. */
export function compareFigures(
  before: ReadonlyMap<string, Figures>,
  after: ReadonlyMap<string, Figures>,
): PrunedLayer[] {
  return [...before].flatMap(([name, old]) => {
    const own = after.get(name);
    if (!own) return [];
    const change = (key: Exclude<keyof Figures, 'node' | 'operator'>): FigureChange => [
      old[key],
      own[key],
    ];
    return [
      {
        node: old.node,
        operator: old.operator,
        weights: change('weights'),
        zeros: change('zeros'),
        values: change('values'),
        bytes: change('bytes'),
        compressedBytes: change('compressedBytes'),
      },
    ];
  });
}
