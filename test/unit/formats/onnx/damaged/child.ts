// Reads the variants [first, last) of each task's model, in memory and as files, and writes again those
// that could be read. It is bundled with the reader before it is run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import {
  openOnnxFile,
  readOnnxModel,
  tensorBytes,
  walkModel,
  writeOnnxModel,
  type ModelProto,
} from '../../../../../lib/formats/onnx';
import { report } from '../../../../stress/hostile/report.mjs';
import { attempt, check, tryDamaged } from '../../damaged-child';
import { damageField } from './damage-fields';

const scratch = mkdtempSync(join(tmpdir(), 'onlite-damaged-'));

const codes = ['ERR_MODEL_INVALID'];
const fileCodes = [...codes, 'ERR_MODEL_NOT_FOUND'];
const tensorCodes = [...fileCodes, 'ERR_INVALID_ARGUMENT'];

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

tryDamaged(damageField, tryBytes);
rmSync(scratch, { recursive: true });
report({ done: true });
