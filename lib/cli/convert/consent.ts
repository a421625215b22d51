import { createInterface } from 'node:readline/promises';

import type { Environment } from '../../convert/environment/environment';
import { printable } from '../output';

/** Asks a person at a terminal; nobody else has said yes. */
export async function askConsent({ name, folder, downloadBytes }: Environment): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const size = downloadBytes === undefined ? '' : `${(downloadBytes / 1e6).toFixed(0)} MB of `;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `The converter needs Python packages that are not there: ${size}pinned wheels of '${name}' ` +
        `would be fetched once, into ${printable(folder)}.\nFetch them? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // Ctrl+C and Ctrl+D are no.
    if ((error as { code?: unknown }).code !== 'ABORT_ERR') throw error;
    process.stderr.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}
