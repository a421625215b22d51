import { readFile, stat } from 'node:fs/promises';

import { compress, type Compression } from '../../compressed-model';
import { OnliteError } from '../../errors';
import { replaceFiles, unreadable } from '../../files';
import { modelByteLength } from '../guard/byte-length';

/** A model's file once more, smaller. */
export interface CompressedFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes a model's file compressed beside it.
 *
 * @throws OnliteError ERR_UNSUPPORTED for a model with data outside of its file, which would be missed,
 *   ERR_INVALID_ARGUMENT where the file cannot be written
 */
export async function writeCompressed(
  model: string,
  compression: Compression,
): Promise<CompressedFile> {
  if ((await modelByteLength(model)) !== (await stat(model)).size) {
    const message = `compress: '${model}' is written and has data outside of its file`;
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const content = await readFile(model).catch((cause: unknown) => {
    throw unreadable(`cannot read '${model}'`, cause);
  });
  const bytes = await compress(content, compression);
  const path = `${model}.${compression}`;
  await replaceFiles([{ path, chunks: [bytes] }]);
  return { path, bytes: bytes.byteLength };
}
