// Reads the variants [first, last) of each task's model and writes again those that could be read. It is
// bundled with the reader before it is run.
import { isDeepStrictEqual } from 'node:util';

import { readTflite, readTfliteModel, writeTflite } from '../../../../../lib/formats/tflite';
import { report } from '../../../../stress/hostile/report.mjs';
import { attempt, check, tryDamaged } from '../../damaged-child';
import { damageOffset } from './damage-offsets';

function tryBytes(bytes: Uint8Array): 'refused' | 'read' {
  const model = attempt(['ERR_MODEL_INVALID'], () => readTflite(bytes));
  const summary = attempt(['ERR_MODEL_INVALID'], () => readTfliteModel(bytes));
  check('both readers take a model', (summary === undefined) === (model === undefined));
  if (!model) return 'refused';
  const written = attempt(['ERR_UNSUPPORTED'], () => writeTflite(model));
  if (!written) return 'read';
  const again = readTflite(written);
  check('a model written anew says the same', isDeepStrictEqual(again, model));
  check('it has the same bytes then', Buffer.compare(writeTflite(again), written) === 0);
  return 'read';
}

tryDamaged(damageOffset, (bytes) => tryBytes(Buffer.from(bytes)));
report({ done: true });
