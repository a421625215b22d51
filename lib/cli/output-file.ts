import { writeFile } from 'node:fs/promises';

import { OnliteError } from '../errors';
import { NOT_HELD, type CommandResult } from './command';
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

/** How what a command found is shown; the page's code is loaded where a page is asked for. */
interface Renderers<Document> {
  readonly text: (document: Document) => string;
  /** Where else it goes. */
  readonly publish?: (document: Document) => Promise<void>;
  readonly page: () => Promise<{ readonly renderReport: (document: Document) => string }>;
}

/**
 * Writes what a command that judges models found where `--save` and `--report` ask for it, and gives
 * what it prints and its exit code.
 */
export async function deliver<Document extends { readonly holds: boolean }>(
  { save, report }: { readonly save?: string; readonly report?: string },
  document: Document,
  { text, page, publish }: Renderers<Document>,
): Promise<CommandResult> {
  if (save !== undefined) await writeOutput('save', save, `${toJson(document)}\n`);
  if (report !== undefined) {
    const { renderReport } = await page();
    await writeOutput('report', report, renderReport(document));
  }
  await publish?.(document);
  return {
    json: document,
    text: () => text(document),
    exitCode: document.holds ? 0 : NOT_HELD,
  };
}
