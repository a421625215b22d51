import { unzipSync, zipSync, type Zippable } from 'fflate';

import { OnliteError } from '../../errors';
import { isError } from '../../realms';
import { readNpy, writeNpy } from './npy';
import type { NpyArray } from './types';

const SUFFIX = '.npy';
const MAX_ARRAYS = 65_536;
/** Deflate cannot do better than about 1032 to 1: an entry that claims more is a lie. */
const MAX_RATIO = 1040;

export interface ReadNpzOptions {
  /** Most bytes that all arrays together may unpack to; 4 GiB by default. */
  maxBytes?: number;
}

export interface WriteNpzOptions {
  /** Deflate the arrays (numpy's `savez_compressed`); off by default. */
  compress?: boolean;
}

const fail = (reason: string, cause?: unknown): OnliteError =>
  new OnliteError('ERR_INVALID_ARGUMENT', `npz: ${reason}`, { cause });

/**
 * Reads an archive of numpy's `savez`, stored or deflated; entries that are not .npy are left out.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when it is damaged or unpacks to more than `maxBytes`.
 */
export function readNpz(bytes: Uint8Array, options: ReadNpzOptions = {}): Map<string, NpyArray> {
  const maxBytes = options.maxBytes ?? 2 ** 32;
  const names = new Set<string>();
  let total = 0;
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (!name.endsWith(SUFFIX)) return false;
        if (names.has(name)) throw fail(`'${name}' is there twice`);
        names.add(name);
        total += originalSize;
        if (names.size > MAX_ARRAYS) throw fail(`more than ${MAX_ARRAYS} arrays`);
        if (total > maxBytes) throw fail(`unpacks to more than ${maxBytes} bytes`);
        if (originalSize > size * MAX_RATIO + 64) throw fail(`'${name}' has an impossible size`);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof OnliteError) throw error;
    throw fail(`not a zip archive: ${isError(error) ? error.message : String(error)}`, error);
  }
  const arrays = new Map<string, NpyArray>();
  for (const [name, file] of Object.entries(files)) {
    arrays.set(name.slice(0, -SUFFIX.length), readNpy(file));
  }
  return arrays;
}

/** Writes an archive that numpy's `load` reads; the arrays' names become entry names. */
export function writeNpz(
  arrays: Iterable<readonly [string, NpyArray]>,
  options: WriteNpzOptions = {},
): Uint8Array {
  const files: Zippable = {};
  for (const [name, array] of arrays) files[name + SUFFIX] = writeNpy(array);
  return zipSync(files, { level: options.compress === true ? 6 : 0 });
}
