import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Tensor } from 'onlite';

import { ConfigError, validate } from '../config';
import {
  PreparationError,
  difference,
  outputOf,
  type ServedModel,
  type Tolerance,
} from '../models';
import { JsonReader, type Span } from '../wire/json/reader';
import { readInputs, readOutputs, runRecorded } from './recorded-request';

/** What a version must answer before it is served, beside its model. */
export const TESTS_FILE = 'tests.json';

interface TestVector {
  readonly name?: string;
  readonly signature_name?: string;
  readonly tolerance?: Tolerance;
}

interface Tests {
  readonly tolerance?: Tolerance;
  readonly tests: readonly TestVector[];
}

/** Where in the file a vector's tensors are: they are read when it is known of which types they are. */
interface Place {
  inputs?: Span;
  outputs?: Span;
}

/** The tests of a file, their tensors left out. @throws RequestError, ConfigError */
function readTests(json: Buffer, file: string): { tests: Tests; places: Place[] } {
  const places: Place[] = [];
  const reader = new JsonReader(json);
  const document: Record<string, unknown> = {};
  if (reader.kind() !== 'object') throw reader.fail('an object');
  reader.object((key) => {
    const isTests = key === 'tests' && reader.kind() === 'array';
    document[key] = isTests ? readVectors(reader, places) : valueOf(reader);
  });
  reader.finish();
  const problems = validate('tests', document, file);
  if (problems.length > 0) throw new ConfigError(problems);
  return { tests: document as unknown as Tests, places };
}

function readVectors(reader: JsonReader, places: Place[]): unknown[] {
  const vectors: unknown[] = [];
  reader.array(() => {
    const place: Place = {};
    places.push(place);
    if (reader.kind() !== 'object') {
      vectors.push(valueOf(reader));
      return;
    }
    const vector: Record<string, unknown> = {};
    reader.object((key) => {
      if (key === 'inputs' || key === 'outputs') {
        place[key] = reader.skip();
        vector[key] = null;
      } else vector[key] = valueOf(reader);
    });
    vectors.push(vector);
  });
  return vectors;
}

function valueOf(reader: JsonReader): unknown {
  const { start, end } = reader.skip();
  return JSON.parse(reader.bytes.toString('utf8', start, end)) as unknown;
}

/** What is in the file itself that is wrong; nothing if there is none. For `--check`. */
export function checkTestsFile(folder: string): void {
  const json = bytesOf(join(folder, TESTS_FILE));
  if (json !== undefined) readTests(json, join(folder, TESTS_FILE));
}

function bytesOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Runs the test vectors that are beside a version, if there are some.
 *
 * @throws PreparationError naming the first that is not answered as it should be
 */
export async function runTests(model: ServedModel, folder: string): Promise<void> {
  const file = join(folder, TESTS_FILE);
  try {
    const json = bytesOf(file);
    if (json === undefined) return;
    const { tests, places } = readTests(json, file);
    for (const [index, vector] of tests.tests.entries()) {
      const { inputs, outputs } = places[index] ?? {};
      if (inputs === undefined || outputs === undefined) continue;
      const wrong = await runVector(model, json, vector, inputs, outputs, tests.tolerance);
      const { name = `tests[${index}]` } = vector;
      if (wrong !== undefined) throw new PreparationError('tests', `${file}: ${name}: ${wrong}`);
    }
  } catch (error) {
    if (error instanceof PreparationError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const named = message.startsWith(file) ? message : `${file}: ${message}`;
    throw new PreparationError('tests', named, { cause: error });
  }
}

async function runVector(
  model: ServedModel,
  json: Buffer,
  { signature_name: name, tolerance }: TestVector,
  inputs: Span,
  outputs: Span,
  general: Tolerance | undefined,
): Promise<string | undefined> {
  const signature = model.signature(name);
  const expected = readOutputs(signature, json, outputs);
  const results = await runRecorded(model, signature, readInputs(signature, json, inputs));
  for (const [output, tensor] of Object.entries(expected)) {
    const got = results[output];
    if (!(got instanceof Tensor)) return `${output}: expected a tensor`;
    const wrong = difference(outputOf(output, got), outputOf(output, tensor), tolerance ?? general);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
