import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { InferenceSession, Tensor, type OnnxValue } from 'onlite';
import { describe, expect, it } from 'vitest';

import { readTflite, writeTflite, type ModelT } from '../../../../lib/formats/tflite';
import { decodeTensor, readFixture, readIndex } from '../../../fixtures/load';
import { Random } from '../../../stress/hostile/random.mjs';
import { codeOf } from '../../support';
import { randomModel } from './random-tables';

/** `ONLITE_TEST_SEED` tries other models. */
const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261126);

const root = path.join(import.meta.dirname, '../../../..');
const files = ['test/fixtures', 'models']
  .flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      path.join(folder, name),
    ),
  )
  .filter((name) => name.endsWith('.tflite'));
const read = (file: string): Buffer => readFileSync(path.join(root, file));

/** What models of the fixtures are fed, by their names. */
const fixtures = readIndex().fixtures.filter(({ engine }) => engine === 'tflite');

type Results = Record<string, OnnxValue>;

/** The bits of a session's results. */
const bitsOf = (results: Results): unknown =>
  Object.entries(results).map(([name, value]) => {
    if (!(value instanceof Tensor)) return [name, value];
    const { type, dims, data } = value;
    const bits = ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
      : data;
    return [name, type, dims, bits];
  });

/** All that a model says of its tensors' data: where it begins must be a multiple of 16. */
function expectAligned(model: ModelT, bytes: Uint8Array): void {
  for (const { data } of model.buffers) {
    if (data) expect((data.byteOffset - bytes.byteOffset) % 16).toBe(0);
  }
}

describe('models come back', () => {
  it.each(files)(
    '%s says the same when it is written anew, and then has the same bytes',
    (file) => {
      const model = readTflite(read(file));
      const written = writeTflite(model);
      const again = readTflite(written);
      expect(again).toEqual(model);
      expectAligned(again, written);
      expect(Buffer.compare(writeTflite(again), written)).toBe(0);
      expect(written.byteLength).toBeLessThan(1.5 * read(file).byteLength + 256);
    },
  );

  it.each(fixtures.map(({ cases }) => cases))('%s gives the same results', async (cases) => {
    const { model: file, cases: runs } = readFixture(cases);
    const bytes = read(path.join('test/fixtures', file));
    const results: unknown[] = [];
    for (const version of [bytes, writeTflite(readTflite(bytes))]) {
      const session = await InferenceSession.create(version, { executionProviders: ['cpu'] });
      for (const { inputs, signature } of runs) {
        const feeds = Object.fromEntries(
          inputs.map((input, index) => [
            input.name ?? session.inputNames[index],
            decodeTensor(input),
          ]),
        );
        const options = signature === undefined ? {} : { signature };
        results.push(bitsOf(await session.run(feeds, options)));
      }
      await session.release();
    }
    expect(results.slice(runs.length)).toEqual(results.slice(0, runs.length));
  });

  it('with anything in any field', () => {
    for (let variant = 0; variant < 300; variant++) {
      const model = randomModel(Random.for('tflite', seed, variant));
      const written = writeTflite(model);
      const what = `seed ${seed} variant ${variant}`;
      expect(isDeepStrictEqual(readTflite(written), model), what).toBe(true);
      expect(Buffer.compare(writeTflite(readTflite(written)), written), what).toBe(0);
    }
  });
});

describe('data', () => {
  /** A model of one buffer, whose data is behind the flatbuffer. */
  function withDataBehind(offset: bigint, size: bigint): Uint8Array {
    const model = readTflite(read('test/fixtures/models/add4.tflite'));
    const places = { offset, size } as object;
    model.buffers.push(places);
    return Buffer.concat([writeTflite(model), Buffer.from('behind')]);
  }

  it('behind the flatbuffer is taken in', () => {
    const end = BigInt(withDataBehind(2n, 0n).byteLength);
    const model = readTflite(withDataBehind(end - 6n, 6n));
    expect(model.buffers.at(-1)).toEqual({ data: Buffer.from('behind') });
    expect(readTflite(writeTflite(model))).toEqual(model);
  });

  it('that the file does not have is an error', () => {
    const end = BigInt(withDataBehind(2n, 0n).byteLength);
    for (const [offset, size] of [
      [end - 6n, 7n],
      [end + 1n, 0n],
      [2n ** 63n, 2n],
      [2n, 2n ** 64n - 1n],
    ] as const) {
      expect(codeOf(() => readTflite(withDataBehind(offset, size)))).toBe('ERR_MODEL_INVALID');
    }
  });

  it('beyond 2 GiB is refused', () => {
    const model = readTflite(read('test/fixtures/models/add4.tflite'));
    const data = new Uint8Array(2 ** 20);
    for (let count = 0; count < 2 ** 11; count++) model.buffers.push({ data });
    expect(codeOf(() => writeTflite(model))).toBe('ERR_UNSUPPORTED');
  });
});

describe('what the schema does not know', () => {
  const model = (): ModelT => readTflite(read('test/fixtures/models/conv.tflite'));

  it('comes back where it is plain values', () => {
    const changed = model();
    const options = changed.subgraphs[0]!.operators[0]!.builtinOptions!;
    options.unknownFields = [{ index: 9, bytes: Buffer.from([1, 2, 3, 4]), mayRefer: false }];
    expect(readTflite(writeTflite(changed))).toEqual(changed);
  });

  it('is a table of options, too', () => {
    const changed = model();
    const operator = changed.subgraphs[0]!.operators[0]!;
    operator.builtinOptionsType = 250;
    operator.builtinOptions = {
      unknownFields: [{ index: 0, bytes: Buffer.from([7]), mayRefer: false }],
    };
    expect(readTflite(writeTflite(changed))).toEqual(changed);
  });

  it('is read, and not written, where it may refer to something', () => {
    const changed = model();
    const operator = changed.subgraphs[0]!.operators[0]!;
    // A table with a list, whose type is then one that nobody knows.
    operator.builtinOptionsType = 17;
    operator.builtinOptions = { newShape: [1, 2, 3] };
    const bytes = Buffer.from(writeTflite(changed));
    const typeAt = bytes.findIndex((byte, at) => {
      if (byte !== 17) return false;
      const other = Buffer.from(bytes);
      other[at] = 250;
      try {
        return readTflite(other).subgraphs[0]!.operators[0]!.builtinOptionsType === 250;
      } catch {
        return false;
      }
    });
    bytes[typeAt] = 250;
    const read = readTflite(bytes);
    expect(read.subgraphs[0]!.operators[0]!.builtinOptions?.unknownFields?.[0]).toMatchObject({
      index: 0,
      mayRefer: true,
    });
    expect(codeOf(() => writeTflite(read))).toBe('ERR_UNSUPPORTED');
  });
});
