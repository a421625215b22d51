import { writeFile } from 'node:fs/promises';

import { OnliteError } from '../errors';

/**
 * Writes a file that an option names.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT with the option's name
 */
export async function writeOutput(option: string, file: string, content: string): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError('ERR_INVALID_ARGUMENT', `--${option}: ${reason}`, { cause });
  }
}
