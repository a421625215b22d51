import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readOnnxModel, writeOnnxModel } from '../../../../lib/formats/onnx';
import { modelSchema } from '../../../../lib/formats/onnx/schema';
import { Random } from '../../../stress/hostile/random.mjs';
import { randomModel } from './random-model';
import { writtenOtherwise } from './wire';

/** `ONLITE_TEST_SEED` tries other models. */
const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261126);

const fixtures = path.join(import.meta.dirname, '../../../fixtures');

/** `ONLITE_ONNX_MODELS` names a folder with more, for instance the test data of Python's `onnx`. */
const folders = [fixtures, process.env['ONLITE_ONNX_MODELS'] ?? []].flat();
const files = folders
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      path.join(folder, name),
    ),
  )
  // What is signed is no model.
  .filter((name) => name.endsWith('.onnx') && !name.includes('model-signing'));

/** As `encode` has it: of an object that no file is known of. */
const canonical = (bytes: Uint8Array): Uint8Array => writeOnnxModel({ ...readOnnxModel(bytes) });

describe('models come back', () => {
  it.each(files)('%s, byte for byte', (name) => {
    const bytes = readFileSync(name);
    expect(Buffer.compare(writeOnnxModel(readOnnxModel(bytes)), bytes)).toBe(0);
    // Python's protobuf writes as ours does.
    expect(Buffer.compare(canonical(bytes), bytes)).toBe(0);
  });

  it('with anything in any field', () => {
    for (let variant = 0; variant < 300; variant++) {
      const model = randomModel(Random.for('model', seed, variant));
      expect(readOnnxModel(writeOnnxModel(model)), `seed ${seed} variant ${variant}`).toEqual(
        model,
      );
    }
  });

  it('byte for byte from other writers, and as ours when they were changed', () => {
    let different = 0;
    for (let variant = 0; variant < 300; variant++) {
      const random = Random.for('writer', seed, variant);
      const ours = Buffer.from(writeOnnxModel(randomModel(random)));
      const theirs = writtenOtherwise(modelSchema, ours, random);
      const what = `seed ${seed} variant ${variant}`;
      if (!theirs.equals(ours)) different++;
      const model = readOnnxModel(theirs);
      expect(theirs.equals(writeOnnxModel(model)), what).toBe(true);
      expect(ours.equals(canonical(theirs)), what).toBe(true);
      model.producerName = `not ${model.producerName ?? ''}`;
      const changed = { ...readOnnxModel(ours), producerName: model.producerName };
      expect(Buffer.compare(writeOnnxModel(model), writeOnnxModel(changed)), what).toBe(0);
    }
    expect(different).toBe(300);
  });

  it('otherwise when anything in them was changed', () => {
    const theirs = writtenOtherwise(
      modelSchema,
      readFileSync(path.join(fixtures, 'models/mlp.onnx')),
      new Random(seed),
    );
    const changes: ((model: ReturnType<typeof readOnnxModel>) => void)[] = [
      ({ graph }) => graph?.initializer.reverse(),
      ({ graph }) => graph?.node.pop(),
      ({ graph }) => delete graph?.name,
      ({ opsetImport: [opset] }) => delete opset?.version,
      (model) => (model.unknownFields = [{ id: 999, wireType: 0, value: 1n }]),
      ({ graph }) => {
        const [tensor] = graph?.initializer ?? [];
        if (tensor) tensor.rawData = Buffer.from(tensor.rawData ?? []).fill(1);
      },
    ];
    for (const change of changes) {
      const model = readOnnxModel(theirs);
      change(model);
      expect(readOnnxModel(writeOnnxModel(model)), change.toString()).toEqual(model);
      expect(readOnnxModel(theirs), change.toString()).not.toEqual(model);
    }
  });
});
