import { readFile } from 'node:fs/promises';

import { OnliteError } from '../../errors';

export const invalid = (message: string, cause?: unknown): OnliteError =>
  new OnliteError('ERR_INVALID_ARGUMENT', message, { cause });

/** @param option - the option that names the file, for the message */
export async function readDataFile(option: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw invalid(`--${option}: cannot read '${file}'`, cause);
  }
}

/** @param where - what holds the text, for the message */
export function parseJson(where: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalid(`${where} is not JSON`, cause);
  }
}
