import { existsSync } from 'node:fs';

import { readJsonFile } from '../config';
import { replaceFile } from '../replace-file';
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
  await replaceFile(file, `${JSON.stringify({ format: FORMAT, models }, null, 2)}\n`);
}
