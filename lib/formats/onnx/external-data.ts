import { realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';

import { unreadable } from '../../files';
import { StableFile } from './stable-file';
import type { TensorSource } from './source';
import { invalidTensor, tensorByteLength } from './tensor-size';
import type { TensorProto } from './types';

/** Where a tensor's bytes lie outside the model file; `length` is absent for "as many as it has". */
export interface ExternalDataLocation {
  location: string;
  offset: number;
  length?: number;
}

function parseSize(tensor: TensorProto, key: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw invalidTensor(tensor, `external_data ${key} is '${text}'`);
  }
  return value;
}

/** Undefined when the tensor's data is in the model file. */
export function externalDataLocation(tensor: TensorProto): ExternalDataLocation | undefined {
  if (tensor.dataLocation !== 1) return undefined;
  const entries = new Map(tensor.externalData.map((entry) => [entry.key, entry.value ?? '']));
  const location = entries.get('location');
  if (!location) throw invalidTensor(tensor, 'external_data has no location');
  const result: ExternalDataLocation = {
    location,
    offset: parseSize(tensor, 'offset', entries.get('offset') ?? '0'),
  };
  const length = entries.get('length');
  if (length !== undefined) result.length = parseSize(tensor, 'length', length);
  return result;
}

/** The same tensor with its data in another file; `location` is relative to the model's folder. */
export function withExternalData(
  { source: _source, rawData: _rawData, ...tensor }: TensorProto,
  { location, offset, length }: Required<ExternalDataLocation>,
): TensorProto {
  const entries = { location, offset, length };
  return {
    ...tensor,
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
    dataLocation: 1,
  };
}

/**
 * The file that a tensor's data is in, with all links followed; undefined where it is in the model's.
 *
 * @param folder - the model file's
 * @throws OnliteError ERR_MODEL_INVALID when it lies outside the folder; ERR_MODEL_NOT_FOUND or
 *   ERR_MODEL_UNREADABLE when it cannot be read.
 */
export function externalDataFile(tensor: TensorProto, folder: string): string | undefined {
  const external = externalDataLocation(tensor);
  return external && resolveInside(tensor, folder, external.location);
}

/** The model's folder is the border: absolute paths, `..` and links out of it are refused. */
function resolveInside(tensor: TensorProto, folder: string, location: string): string {
  const root = realpathSync(folder);
  const target = resolve(root, location);
  const inside = (file: string): boolean => {
    const within = relative(root, file);
    return within !== '' && !within.startsWith('..') && !isAbsolute(within);
  };
  if (isAbsolute(location) || !inside(target)) {
    throw invalidTensor(tensor, `external data '${location}' is outside the model's folder`);
  }
  let real: string;
  try {
    real = realpathSync(target);
  } catch (cause) {
    throw unreadable(`external data '${location}' cannot be read`, cause);
  }
  if (!inside(real)) {
    throw invalidTensor(tensor, `external data '${location}' leaves the model's folder`);
  }
  return real;
}

/** Files that hold external data of one model, each opened once. */
export class ExternalFiles {
  private readonly files = new Map<string, StableFile>();

  constructor(private readonly folder: string) {}

  /**
   * The data of a tensor, for as long as the files are open; undefined where it is in the model's.
   *
   * @throws OnliteError as {@link externalDataFile}, and ERR_MODEL_INVALID when the length is not what
   *   type and dims say or the file is too short.
   */
  source(tensor: TensorProto): TensorSource | undefined {
    const external = externalDataLocation(tensor);
    if (!external) return undefined;
    const { location, offset } = external;
    const expected = tensorByteLength(tensor);
    const length = external.length ?? expected;
    if (length !== expected) {
      throw invalidTensor(tensor, `external length is ${length}, expected ${expected}`);
    }
    const file = this.open(resolveInside(tensor, this.folder, location));
    if (offset + length > file.byteLength) {
      throw invalidTensor(tensor, `external data '${location}' is too short`);
    }
    return file.source(offset, length);
  }

  close(): void {
    for (const file of this.files.values()) file.close();
  }

  private open(path: string): StableFile {
    let file = this.files.get(path);
    if (!file) this.files.set(path, (file = new StableFile(path)));
    return file;
  }
}
