import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { TensorLike } from '../engine/run/feeds';
import type { ElementType } from '../engine/tensor/element-type';
import { Tensor } from '../engine/tensor/tensor';
import { readNpz, writeNpz, type NpyArray } from '../formats/npy';
import type { Ends, Runnable } from '../optimize/compare/contender';
import type { Outputs } from './check';
import type { ConverterProcess } from './converter-process';
import type { Feeds } from './samples';

/** More than the samples of a check can be. */
const MAX_BYTES = 2 ** 34;

function arraysOf(samples: readonly Feeds[]): [string, NpyArray][] {
  return samples.flatMap((feeds, index) =>
    Object.entries(feeds).map(([name, { type, dims, data }]: [string, TensorLike]) => {
      return [`${index}/${name}`, { type, dims, data } as NpyArray] as [string, NpyArray];
    }),
  );
}

/**
 * Runs the original in the converter's program.
 *
 * @returns its outputs, sample by sample, without those that it cannot give
 * @throws as {@link ConverterProcess.ask} does
 */
export async function runOriginal(
  converter: ConverterProcess,
  samples: readonly Feeds[],
  { folder, signature, ends }: { folder: string; signature: string; ends: Ends },
): Promise<Outputs[]> {
  const inputs = join(folder, 'inputs.npz');
  const outputs = join(folder, 'outputs.npz');
  await writeFile(inputs, writeNpz(arraysOf(samples)));
  const names = ends.outputMetadata.map(({ name }) => name);
  await converter.ask('run', { signature, inputs, outputs, names });
  // No prototype: the model chooses the names.
  const found = samples.map(() => Object.create(null) as Record<string, unknown>);
  for (const [key, { type, dims, data }] of readNpz(await readFile(outputs), {
    maxBytes: MAX_BYTES,
  })) {
    const at = key.indexOf('/');
    const sample = found[Number(key.slice(0, at))];
    if (sample) sample[key.slice(at + 1)] = new Tensor(type as ElementType, data, dims);
  }
  return found;
}

/** Runs an original that onlite itself can run. */
export async function runSession(
  session: Runnable,
  samples: readonly Feeds[],
  signal?: AbortSignal,
): Promise<Outputs[]> {
  const found: Outputs[] = [];
  for (const feeds of samples) found.push(await session.run(feeds, signal ? { signal } : {}));
  return found;
}
