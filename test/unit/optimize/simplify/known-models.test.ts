import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { Tensor, type ElementType, type TensorLike } from 'onlite';
import { expect, it } from 'vitest';

import {
  dataTypeName,
  OnnxDataType,
  openOnnxFile,
  readOnnxTensor,
  tensorValues,
} from '../../../../lib/formats/onnx';
import { simplify } from '../../../../lib/optimize/simplify/simplify';
import { Reference } from '../../../../lib/optimize/simplify/verification';
import { decodeTensor, fixturePath, readFixture, readIndex } from '../../../fixtures/load';

type Feeds = Readonly<Record<string, TensorLike>>;

interface KnownModel {
  readonly file: string;
  readonly feeds: () => Feeds[];
}

const fixtures = readIndex()
  .fixtures.filter(({ engine }) => engine === 'onnxruntime')
  .map(({ cases }): KnownModel => {
    const { model, cases: all } = readFixture(cases);
    const feeds = (): Feeds[] =>
      all.map(({ inputs }) =>
        Object.fromEntries(inputs.map((each) => [each.name ?? '', decodeTensor(each)])),
      );
    return { file: fixturePath(model), feeds };
  });

/** The tensor of a `.pb` file; undefined for what is none, or has elements that no array is for. */
function readTensor(file: string): TensorLike | undefined {
  try {
    const tensor = readOnnxTensor(readFileSync(file));
    const { dataType, dims, stringData } = tensor;
    if (dataType === OnnxDataType.STRING) {
      return new Tensor('string', stringData.map(String), dims);
    }
    const values = tensorValues(tensor, dataType as typeof OnnxDataType.FLOAT);
    return new Tensor(dataTypeName(dataType) as ElementType, values as never, dims);
  } catch {
    return undefined;
  }
}

/** What lies in `folder/test_data_set_N/input_I.pb`, by the names of the model's inputs. */
function readDataSets(file: string): Feeds[] {
  const opened = openOnnxFile(file);
  const names = opened.model.graph!.input.map(({ name = '' }) => name);
  opened.close();
  const folder = path.dirname(file);
  const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set_'));
  return sets.flatMap((set) => {
    const inputs = names.flatMap((name, index) => {
      const input = path.join(folder, set, `input_${index}.pb`);
      return existsSync(input) ? [[name, readTensor(input)] as const] : [];
    });
    const isKnown = inputs.every(([, tensor]) => tensor !== undefined);
    return isKnown ? [Object.fromEntries(inputs) as Feeds] : [];
  });
}

/** `ONLITE_ONNX_MODELS` names a folder with more, such as the test data of Python's `onnx`. */
const folder = process.env['ONLITE_ONNX_MODELS'];
const others = (folder === undefined ? [] : readdirSync(folder, { recursive: true }))
  .map((name) => path.join(folder ?? '', String(name)))
  .filter((file) => file.endsWith('model.onnx'))
  .map((file): KnownModel => ({ file, feeds: () => readDataSets(file) }));

const session = { logSeverityLevel: 4 } as const;

/** The oldest operators that the passes know. */
const LEAST_OPSET = 11;

it.each([...fixtures, ...others])('$file gives the same after all passes', async (known) => {
  const samples = known.feeds();
  const opened = openOnnxFile(known.file);
  try {
    const { model } = opened;
    const opset = model.opsetImport.find(({ domain = '' }) => domain === '')?.version;
    if (samples.length === 0 || (opset !== undefined && opset < LEAST_OPSET)) return;
    // Of the test data some is for operators, or versions, that the runtime does not have.
    const reference = await Reference.of(model, samples, session).catch(() => undefined);
    if (!reference) return;
    const simplified = await simplify(model, { session, growth: 1024 });
    expect(simplified.leftOut).toEqual([]);
    await reference.verify(simplified.model);
  } finally {
    opened.close();
  }
});
