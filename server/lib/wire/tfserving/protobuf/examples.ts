import type { Lease, ModelRepository } from '../../../models';
import { badRequest } from '../../errors';
import { NumberList } from '../../protobuf/numbers';
import { ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import { ProtobufWriter } from '../../protobuf/writer';
import type { RpcCall } from '../../rpc';
import { decodeText } from '../../tensors/text';
import { classesOf, leaseExamples, numbersOf, type Example, type Feature } from '../examples';
import { NO_MODEL, chooseModel, readModelSpec, writeModelSpec, type ModelSpec } from './model-spec';

/** A feature as it came in: text is decoded when it is known that it is wanted. */
interface RawFeature {
  readonly kind: Feature['kind'];
  readonly values: readonly (bigint | number | Buffer)[];
}

type RawExample = ReadonlyMap<string, RawFeature>;

/** ClassificationRequest and RegressionRequest, which are alike. */
export interface ExamplesRequest {
  readonly spec: ModelSpec;
  readonly examples: readonly RawExample[];
  readonly context: RawExample;
}

const twoMessages = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes });
const oneMessage = fieldsOf({ 1: Wire.bytes });

/** @throws ProtobufError */
export function readExamples(bytes: Buffer): ExamplesRequest {
  const reader = new ProtobufReader(bytes);
  let spec = NO_MODEL;
  const examples: RawExample[] = [];
  let context: RawExample = new Map();
  while (reader.next(twoMessages)) {
    if (reader.field === 1) {
      spec = readModelSpec(reader.message());
      continue;
    }
    const input = reader.message();
    while (input.next(twoMessages)) {
      const list = input.message();
      const fields = input.field === 1 ? oneMessage : twoMessages;
      while (list.next(fields)) {
        if (list.field === 1) examples.push(readExample(list.message()));
        else context = readExample(list.message());
      }
    }
  }
  return { spec, examples, context };
}

function readExample(reader: ProtobufReader): RawExample {
  const features = new Map<string, RawFeature>();
  while (reader.next(oneMessage)) {
    const list = reader.message();
    while (list.next(oneMessage)) {
      const entry = list.message();
      let key = '';
      let feature: RawFeature = { kind: 'float', values: [] };
      while (entry.next(twoMessages)) {
        if (entry.field === 1) key = entry.string();
        else feature = readFeature(entry.message());
      }
      features.set(key, feature);
    }
  }
  return features;
}

const featureFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes, 3: Wire.bytes });
const floatFields = fieldsOf({ 1: Wire.fixed32s });
const wholeFields = fieldsOf({ 1: Wire.varints });

function readFeature(reader: ProtobufReader): RawFeature {
  let feature: RawFeature = { kind: 'float', values: [] };
  while (reader.next(featureFields)) {
    const list = reader.message();
    switch (reader.field) {
      case 1: {
        const values: Buffer[] = [];
        while (list.next(oneMessage)) values.push(list.bytes());
        feature = { kind: 'bytes', values };
        break;
      }
      case 2:
        feature = { kind: 'float', values: readList(list, floatFields, 'float') };
        break;
      default:
        feature = { kind: 'whole', values: readList(list, wholeFields, 'int64') };
    }
  }
  return feature;
}

function readList(
  reader: ProtobufReader,
  fields: ReturnType<typeof fieldsOf>,
  kind: 'float' | 'int64',
): (number | bigint)[] {
  const list = new NumberList(kind);
  while (reader.next(fields)) list.read(reader);
  return Array.from<number | bigint>(list.numbers);
}

function decoded(example: RawExample, path: string): Example {
  const features = new Map<string, Feature>();
  for (const [name, { kind, values }] of example) {
    const where = `${path}.features['${name}']`;
    const texts = values.map((value) =>
      Buffer.isBuffer(value) ? decodeText(value, where) : value,
    );
    features.set(name, { kind, values: texts, path: where });
  }
  return features;
}

/** PredictionService.Classify and Regress. @throws RequestError, ModelError, OnliteError */
export async function answerExamples(
  models: ModelRepository,
  { spec, examples, context }: ExamplesRequest,
  call: RpcCall,
  print: (lease: Lease, result: ProtobufWriter) => void,
): Promise<Buffer> {
  const model = chooseModel(models, spec, call);
  const signature = model.signature(spec.signatureName);
  if (examples.length === 0) throw badRequest('input', 'expected examples');
  const all = examples.map((example, index) => decoded(example, `examples[${index}]`));
  const lease = leaseExamples(model, signature, all, decoded(context, 'context'));
  try {
    await lease.run(call);
    const writer = new ProtobufWriter().message(1, (result) => print(lease, result));
    writeModelSpec(writer, 2, model, signature.name);
    return writer.finish();
  } finally {
    lease.release();
  }
}

/** ClassificationResult. */
export function writeClasses(lease: Lease, result: ProtobufWriter): void {
  const { tensor, labels, rows, classes } = classesOf(lease);
  const scores = tensor.data as unknown as ArrayLike<number>;
  for (let row = 0; row < rows; row++) {
    result.message(1, (classifications) => {
      for (let column = 0; column < classes; column++) {
        const position = row * classes + column;
        classifications.message(1, (one) => {
          one.string(1, labels?.[position] ?? '').float(2, Number(scores[position]));
        });
      }
    });
  }
}

/** RegressionResult. */
export function writeNumbers(lease: Lease, result: ProtobufWriter): void {
  const tensor = numbersOf(lease);
  const values = tensor.data as unknown as ArrayLike<number>;
  for (let row = 0; row < tensor.size; row++) {
    result.message(1, (regression) => regression.float(1, Number(values[row])));
  }
}
