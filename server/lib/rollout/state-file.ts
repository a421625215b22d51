import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { readJsonFile } from '../config';
import type { TrafficChanges } from './traffic-book';

const FORMAT = 1;

type Changes = Readonly<Record<string, TrafficChanges>>;

/** What was changed of how requests are spread. @throws ConfigError if the file is damaged */
export function readState(file: string): Changes {
  if (!existsSync(file)) return {};
  const { models } = readJsonFile(file, 'state') as { models: Changes };
  // Versions are strings here, as they are written; a person may have written numbers.
  return JSON.parse(JSON.stringify(models), (key, value: unknown) =>
    typeof value === 'number' && !NUMBERS.has(key) ? String(value) : value,
  ) as Changes;
}

/** What is no version. */
const NUMBERS: ReadonlySet<string> = new Set(['percent', 'absolute', 'relative']);

/**
 * Keeps changes in a file, which holds all of one state or of another whenever the power fails.
 *
 * @throws Error if it cannot be written
 */
export async function writeState(file: string, models: Changes): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify({ format: FORMAT, models }, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Not every system can: the name is then as safe as it can be. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
