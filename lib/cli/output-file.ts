import { writeFile } from 'node:fs/promises';

import { OnliteError } from '../errors';
import { toJson } from './output';

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

/** Writes a command's result where `--save` and `--report` ask for it. */
export async function writeResults(
  files: { readonly save?: string; readonly report?: string },
  document: object,
  renderReport: () => Promise<string>,
): Promise<void> {
  if (files.save !== undefined) await writeOutput('save', files.save, `${toJson(document)}\n`);
  if (files.report !== undefined) await writeOutput('report', files.report, await renderReport());
}
