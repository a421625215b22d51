import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { InferenceSession, OnliteError, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { readTflite, writeTflite } from '../../lib/formats/tflite';

const models = join(__dirname, '../fixtures/models');
const names = readdirSync(models).flatMap((file) => /^(.*)\.tflite$/.exec(file)?.[1] ?? []);

const arrays = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  bool: Uint8Array,
};

/** The model once for each input of each operator that is left out: by -1, or with all behind it. */
function* incomplete(bytes: Buffer): Generator<{ what: string; model: Uint8Array }> {
  const count = readTflite(bytes).subgraphs[0]?.operators.length ?? 0;
  for (let at = 0; at < count; at++) {
    const inputs = readTflite(bytes).subgraphs[0]?.operators[at]?.inputs ?? [];
    for (const index of inputs.keys()) {
      const changes = {
        'is -1': inputs.map((value, other) => (other === index ? -1 : value)),
        'is the first that is missing': inputs.slice(0, index),
      };
      for (const [what, changed] of Object.entries(changes)) {
        const model = readTflite(bytes);
        const operator = model.subgraphs[0]?.operators[at];
        if (operator === undefined) continue;
        operator.inputs = [...changed];
        yield { what: `operator ${at}, input ${index} ${what}`, model: writeTflite(model) };
      }
    }
  }
}

/** Runs it on ones; what may come of it is a result or an error of ours. */
async function tryOut(model: Uint8Array, executionProviders: readonly ('cpu' | 'xnnpack')[]) {
  const session = await InferenceSession.create(model, { executionProviders });
  try {
    const feeds: Record<string, Tensor> = {};
    for (const input of session.inputMetadata) {
      // Loading is what there is to try with other types.
      if (!input.isTensor || !(input.type in arrays)) return;
      const { name, type, shape } = input;
      const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
      const size = dims.reduce((product, dim) => product * dim, 1);
      const data = new arrays[type as keyof typeof arrays](size).fill(1);
      feeds[name] = new Tensor(type as 'float32', data as Float32Array, dims);
    }
    await session.run(feeds);
  } finally {
    await session.release();
  }
}

describe.each(names)('%s.tflite without one input of an operator', (name) => {
  // A kernel of TensorFlow Lite that reads it all the same ends the process.
  it.each(['cpu', 'xnnpack'] as const)(
    'gives a result or a typed error on %s',
    async (provider) => {
      const bytes = readFileSync(join(models, `${name}.tflite`));
      for (const { what, model } of incomplete(bytes)) {
        try {
          await tryOut(model, [provider]);
        } catch (error) {
          if (!(error instanceof OnliteError)) throw new Error(what, { cause: error });
        }
      }
    },
  );
});

it('names the operator whose kernel would read through a null pointer', async () => {
  const model = readTflite(readFileSync(join(models, 'conv_int8.tflite')));
  const operator = model.subgraphs[0]?.operators[1];
  expect(operator?.inputs).toHaveLength(3);
  if (operator !== undefined) operator.inputs = operator.inputs.slice(0, 2);
  await expect(InferenceSession.create(writeTflite(model))).rejects.toMatchObject({
    code: 'ERR_MODEL_INVALID',
    message: expect.stringContaining(
      'subgraphs[0].operators[1].inputs: an input is missing',
    ) as string,
  });
});
