import type { Tensor } from 'onlite';

import type { Lease, ServedModel } from '../../models';
import { badRequest } from '../errors';
import type { NonFinite } from '../json/numbers';
import { JsonReader, type Span } from '../json/reader';
import { JSON_TYPE, type AnswerPart, type WireAnswer, type WireRequest } from '../request';
import { leaseColumns, readColumns, readRows } from '../tensors/columns';
import { joinParts, printRows, printTensor, type OutputStyle } from '../tensors/print';

/** Outputs whose names end so are bytes, written in base64. */
export const BYTES_SUFFIX = '_bytes';

/** Keys of a request's document and where their values are. */
export function readKeys(
  json: Buffer,
  keys: readonly string[],
): { reader: JsonReader; spans: ReadonlyMap<string, Span>; signatureName: string | undefined } {
  const reader = new JsonReader(json);
  const spans = new Map<string, Span>();
  let signatureName: string | undefined;
  if (reader.kind() !== 'object') throw reader.fail('an object');
  reader.object((key) => {
    if (key === 'signature_name') signatureName = reader.string();
    else {
      if (keys.includes(key)) spans.set(key, reader.span());
      else reader.skip();
    }
  });
  // What follows the document is ignored, as TensorFlow Serving does.
  return { reader, spans, signatureName };
}

/** `:predict`: rows in `instances`, or whole tensors in `inputs`. */
export async function predict(
  model: ServedModel,
  { body, caller }: WireRequest,
  nonFinite: NonFinite,
): Promise<WireAnswer> {
  const json = body.bytes();
  const { spans, signatureName } = readKeys(json, ['instances', 'inputs']);
  const instances = spans.get('instances');
  const inputs = spans.get('inputs');
  const span = instances ?? inputs;
  if (span === undefined || (instances !== undefined && inputs !== undefined)) {
    throw badRequest('', "expected exactly one of 'instances' and 'inputs'");
  }
  const signature = model.signature(signatureName);
  const reader = new JsonReader(json, { span });
  const read = instances === undefined ? readColumns : readRows;
  const columns = read(reader, signature, { base64: true, nonFinite });
  reader.finish();
  const lease = leaseColumns(model, signature, columns);
  try {
    await lease.run(caller);
    const print = instances === undefined ? printOutputs : printPredictions;
    return { status: 200, type: JSON_TYPE, body: joinParts(print(lease, nonFinite)) };
  } finally {
    lease.release();
  }
}

interface NamedOutput {
  readonly name: string;
  readonly index: number;
}

const namedOutputs = ({ signature }: Lease): NamedOutput[] =>
  signature.outputs.map(({ name }, index) => ({ name, index }));

const styleOf = (name: string, nonFinite: NonFinite): OutputStyle => ({
  form: 'tensorflow',
  nonFinite,
  asBytes: name.endsWith(BYTES_SUFFIX),
});

function printOutputs(lease: Lease, nonFinite: NonFinite): AnswerPart[] {
  const printed = namedOutputs(lease).map(({ name, index }) => ({
    name,
    text: printTensor(lease.output(index), name, styleOf(name, nonFinite)),
  }));
  const [only, second] = printed;
  const outputs =
    only !== undefined && second === undefined
      ? [only.text]
      : printed.flatMap(({ name, text }, position) => [
          `${position === 0 ? '{' : ','}\n        ${JSON.stringify(name)}: `,
          text,
        ]);
  return ['{\n    "outputs": ', ...outputs, second === undefined ? '\n}' : '\n    }\n}'];
}

function printPredictions(lease: Lease, nonFinite: NonFinite): AnswerPart[] {
  const [single, more] = lease.signature.outputs;
  if (single !== undefined && more === undefined) {
    const tensor = lease.output(0);
    requireRows(tensor, single.name);
    const text = printTensor(tensor, single.name, styleOf(single.name, nonFinite));
    return ['{\n    "predictions": ', text, '\n}'];
  }
  const printed = namedOutputs(lease).map(({ name, index }) => {
    const tensor = lease.output(index);
    requireRows(tensor, name);
    return {
      name: JSON.stringify(name),
      rows: printRows(tensor, name, styleOf(name, nonFinite)),
    };
  });
  const [first] = printed;
  if (first === undefined) return ['{\n    "predictions": []\n}'];
  const count = first.rows.length;
  const other = printed.find(({ rows }) => rows.length !== count);
  if (other !== undefined) {
    throw badRequest(
      '',
      `output ${other.name} has ${other.rows.length} rows and ${first.name} ${count}: use 'inputs'`,
    );
  }
  const objects = first.rows.map((_, row) => {
    const fields = printed.map(({ name, rows }) => `            ${name}: ${rows[row]}`);
    return `        {\n${fields.join(',\n')}\n        }`;
  });
  const rows = objects.length === 0 ? '' : `\n${objects.join(',\n')}\n    `;
  return [`{\n    "predictions": [${rows}]\n}`];
}

function requireRows({ dims }: Tensor, name: string): void {
  if (dims.length > 0) return;
  throw badRequest('', `output '${name}' is a scalar, which has no rows: use 'inputs'`);
}
