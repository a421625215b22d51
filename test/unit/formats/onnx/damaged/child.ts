// Reads the variants [first, last) of each task's model, in memory and as files, and writes again those
// that could be read. It is bundled with the reader before it is run.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import {
  openOnnxFile,
  readOnnxModel,
  tensorBytes,
  walkModel,
  writeOnnxModel,
  type ModelProto,
} from '../../../../../lib/formats/onnx';
import { damageField } from './damage-fields';
import { damage } from '../../../../stress/hostile/damage.mjs';
import { Random } from '../../../../stress/hostile/random.mjs';
import { report } from '../../../../stress/hostile/report.mjs';

interface Task {
  readonly model: string;
  readonly seed: number;
  readonly first: number;
  readonly last: number;
}

const scratch = mkdtempSync(join(tmpdir(), 'onlite-damaged-'));

/** What an operation gives, or undefined when it threw an OnliteError of one of these codes. */
function attempt<T>(codes: readonly string[], operation: () => T): T | undefined {
  try {
    return operation();
  } catch (error) {
    const { name, code } = error as { name: string; code: string };
    if (name === 'OnliteError' && codes.includes(code)) return undefined;
    throw error;
  }
}

const codes = ['ERR_MODEL_INVALID'];
const fileCodes = [...codes, 'ERR_MODEL_NOT_FOUND'];
const tensorCodes = [...fileCodes, 'ERR_INVALID_ARGUMENT'];

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`${what} does not hold`);
}

function readTensors(model: ModelProto, folder?: string): void {
  walkModel(model, {
    tensor: (tensor) => attempt(tensorCodes, () => tensorBytes(tensor, folder)),
  });
}

function tryBytes(bytes: Uint8Array): 'refused' | 'read' {
  const model = attempt(codes, () => readOnnxModel(bytes));
  const path = join(scratch, 'damaged.onnx');
  writeFileSync(path, bytes);
  const file = attempt(fileCodes, () => openOnnxFile(path));
  try {
    check('a file is read only if its bytes are', !file || model !== undefined);
    if (!model) return 'refused';
    readTensors(model, scratch);
    if (file) readTensors(file.model);
    check('an unchanged model has its bytes', Buffer.compare(writeOnnxModel(model), bytes) === 0);
    const again = readOnnxModel(writeOnnxModel({ ...model }));
    check('a model written anew says the same', isDeepStrictEqual(listed(again), listed(model)));
    return 'read';
  } finally {
    file?.close();
  }
}

/** Lists of numbers as arrays, however they were packed. */
function listed(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>);
  if (Array.isArray(value)) return value.map(listed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, listed(item)]));
}

function play({ model: file, seed, first, last }: Task): void {
  const model = readFileSync(file);
  for (let variant = first; variant < last; variant++) {
    const random = Random.for(seed, basename(file), variant);
    const { kind, bytes } = variant % 2 === 0 ? damageField(model, random) : damage(model, random);
    report({ model: file, variant, kind });
    try {
      const ended = tryBytes(bytes);
      report({ ended, rss: process.resourceUsage().maxRSS >> 10 });
    } catch (error) {
      report({ bad: String((error as Error).stack) });
    }
  }
}

const { tasks } = JSON.parse(process.argv[2] ?? '') as { tasks: Task[] };
for (const task of tasks) play(task);
rmSync(scratch, { recursive: true });
report({ done: true });
