import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeNpy } from '../../formats/npy';
import { Tensor } from '../../engine/tensor/tensor';
import { uniqueFileNames } from './file-names';
import { toJson } from '../output';
import { tensorStatistics, type TensorStatistics } from './statistics';

export interface OutputSummary extends Partial<TensorStatistics> {
  name: string;
  /** An element type, or `sequence` or `map`. */
  type: string;
  dims?: readonly number[];
  /** Where it was written, with `--output`. */
  file?: string;
}

/** `instanceof` alone would make the element type `any`. */
const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;

/** Sequences and maps as JSON; tensors inside them as `{type, dims, data}`. */
function plain(value: unknown): unknown {
  if (isTensor(value)) {
    const data = Array.from(value.data as ArrayLike<unknown>);
    return { type: value.type, dims: value.dims, data };
  }
  if (value instanceof Map) return [...value].map(([key, item]) => [key, plain(item)] as const);
  return Array.isArray(value) ? value.map(plain) : value;
}

function summarize(name: string, value: unknown): OutputSummary {
  if (isTensor(value)) {
    return { name, type: value.type, dims: value.dims, ...tensorStatistics(value) };
  }
  return { name, type: value instanceof Map ? 'map' : 'sequence' };
}

function fileContent(value: unknown): { extension: string; bytes: Uint8Array | string } {
  if (!isTensor(value)) {
    return { extension: '.json', bytes: `${toJson(plain(value) as object)}\n` };
  }
  const { type, dims, data } = value;
  return { extension: '.npy', bytes: writeNpy({ type, dims, data }) };
}

/** Writes each output into `folder` (made if missing) when there is one. */
export async function reportOutputs(
  outputs: readonly (readonly [string, unknown])[],
  folder: string | undefined,
): Promise<OutputSummary[]> {
  const summaries = outputs.map(([name, value]) => summarize(name, value));
  if (folder === undefined) return summaries;
  await mkdir(folder, { recursive: true });
  const files = uniqueFileNames(outputs.map(([name]) => name));
  for (const [index, [, value]] of outputs.entries()) {
    const { extension, bytes } = fileContent(value);
    const file = join(folder, `${files[index] ?? ''}${extension}`);
    await writeFile(file, bytes);
    const summary = summaries[index];
    if (summary) summary.file = file;
  }
  return summaries;
}
