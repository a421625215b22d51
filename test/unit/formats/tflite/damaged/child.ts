// Reads the variants [first, last) of each task's model and writes again those that could be read. It is
// bundled with the reader before it is run.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { readTflite, readTfliteModel, writeTflite } from '../../../../../lib/formats/tflite';
import { damage } from '../../../../stress/hostile/damage.mjs';
import { Random } from '../../../../stress/hostile/random.mjs';
import { report } from '../../../../stress/hostile/report.mjs';
import { damageOffset } from './damage-offsets';

interface Task {
  readonly model: string;
  readonly seed: number;
  readonly first: number;
  readonly last: number;
}

/** What an operation gives, or undefined when it threw an OnliteError of this code. */
function attempt<T>(code: string, operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    const { name, code: found } = error as { name: string; code: string };
    if (name === 'OnliteError' && found === code) return undefined;
    throw error;
  }
}

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what} does not hold`);
}

function tryBytes(bytes: Uint8Array): 'refused' | 'read' {
  const model = attempt('ERR_MODEL_INVALID', () => readTflite(bytes));
  const summary = attempt('ERR_MODEL_INVALID', () => readTfliteModel(bytes));
  check('both readers take a model', (summary === undefined) === (model === undefined));
  if (!model) return 'refused';
  const written = attempt('ERR_UNSUPPORTED', () => writeTflite(model));
  if (!written) return 'read';
  const again = readTflite(written);
  check('a model written anew says the same', isDeepStrictEqual(again, model));
  check('it has the same bytes then', Buffer.compare(writeTflite(again), written) === 0);
  return 'read';
}

function play({ model: file, seed, first, last }: Task): void {
  const model = readFileSync(file);
  for (let variant = first; variant < last; variant++) {
    const random = Random.for(seed, basename(file), variant);
    const { kind, bytes } = variant % 2 === 0 ? damageOffset(model, random) : damage(model, random);
    report({ model: file, variant, kind });
    try {
      const ended = tryBytes(Buffer.from(bytes));
      report({ ended, rss: process.resourceUsage().maxRSS >> 10 });
    } catch (error) {
      report({ bad: String((error as Error).stack) });
    }
  }
}

const { tasks } = JSON.parse(process.argv[2] ?? '') as { tasks: Task[] };
for (const task of tasks) play(task);
report({ done: true });
