import { extname } from 'node:path';

import type { Label } from '../../optimize/compare/quality';
import { readNpy, readNpz, type NpyArray } from '../../formats/npy';
import { invalid, parseJson, readDataFile } from './files';
import { MAX_NUMPY_BYTES } from './index';
import { labelArray } from './samples';

async function readArray(source: string): Promise<NpyArray> {
  const bytes = await readDataFile('labels', source);
  const where = `--labels ${source}`;
  switch (extname(source).toLowerCase()) {
    case '.npy':
      return readNpy(bytes);
    case '.npz': {
      const arrays = readNpz(bytes, { maxBytes: MAX_NUMPY_BYTES });
      const array =
        arrays.get('labels') ?? (arrays.size === 1 ? [...arrays.values()][0] : undefined);
      if (array) return array;
      throw invalid(`${where}: no array called 'labels'`);
    }
    case '.json': {
      const value = parseJson(where, bytes.toString('utf8'));
      if (!Array.isArray(value)) throw invalid(`${where}: expected a list`);
      return labelArray(value, where);
    }
    case '.jsonl': {
      const lines = bytes.toString('utf8').split('\n');
      const values = lines
        .filter((line) => line.trim() !== '')
        .map((line) => parseJson(where, line));
      return labelArray(values, where);
    }
    default:
      throw invalid(`${where}: expected .npy, .npz, .json or .jsonl`);
  }
}

/** A class or number for each row, or several numbers where the array has two dims. */
function labelsOf({ type, dims, data }: NpyArray): Label[] {
  const isNumbers = ArrayBuffer.isView(data) && !/^(float16|complex)/.test(type);
  if (!isNumbers || dims.length === 0 || dims.length > 2) {
    throw invalid(`labels: expected numbers in one or two dims, got ${type}[${dims.join(',')}]`);
  }
  const [rows = 0, width = 1] = dims;
  const values = Array.from(data as ArrayLike<number | bigint>, Number);
  if (width === 1) return values;
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width));
}

/**
 * The labels of each sample: those of a file, or those that came with the data, in equal parts.
 *
 * @param source - `--labels`
 * @param samples - how many samples there are in all
 * @throws OnliteError ERR_INVALID_ARGUMENT where they cannot be read, or cannot be dealt out.
 */
export async function readLabels(
  source: string | undefined,
  own: NpyArray | undefined,
  samples: number,
): Promise<((index: number) => readonly Label[]) | undefined> {
  const array = source === undefined ? own : await readArray(source);
  if (array === undefined) return undefined;
  const labels = labelsOf(array);
  const each = labels.length / samples;
  if (!Number.isInteger(each) || each === 0) {
    throw invalid(`labels: ${labels.length} for ${samples} samples`);
  }
  return (index) => labels.slice(index * each, (index + 1) * each);
}
