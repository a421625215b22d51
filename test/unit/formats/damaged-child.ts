import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { damage } from '../../stress/hostile/damage.mjs';
import { Random } from '../../stress/hostile/random.mjs';
import { report } from '../../stress/hostile/report.mjs';

interface Task {
  readonly model: string;
  readonly seed: number;
  readonly first: number;
  readonly last: number;
}

/** What an operation gives, or undefined when it threw an OnliteError of one of these codes. */
export function attempt<T>(codes: readonly string[], operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    const { name, code } = error as { name: string; code: string };
    if (name === 'OnliteError' && codes.includes(code)) return undefined;
    throw error;
  }
}

export function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what} does not hold`);
}

/** Tries the variants [first, last) of each task's model, every other one damaged as its format is built. */
export function tryDamaged(
  damageFormat: (model: Buffer, random: Random) => { kind: string; bytes: Uint8Array },
  tryBytes: (bytes: Uint8Array) => 'refused' | 'read',
): void {
  const { tasks } = JSON.parse(process.argv[2] ?? '') as { tasks: Task[] };
  for (const { model: file, seed, first, last } of tasks) {
    const model = readFileSync(file);
    for (let variant = first; variant < last; variant++) {
      const random = Random.for(seed, basename(file), variant);
      const { kind, bytes } =
        variant % 2 === 0 ? damageFormat(model, random) : damage(model, random);
      report({ model: file, variant, kind });
      try {
        const ended = tryBytes(bytes);
        report({ ended, rss: process.resourceUsage().maxRSS >> 10 });
      } catch (error) {
        report({ bad: String((error as Error).stack) });
      }
    }
  }
}
