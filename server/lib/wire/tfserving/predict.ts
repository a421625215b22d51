import type { ServedModel } from '../../models';
import { badRequest } from '../errors';
import { JsonReader, type Span } from '../json/reader';
import { JSON_TYPE, type WireAnswer, type WireRequest } from '../request';
import { leaseColumns, readColumns, readRows } from '../tensors/columns';
import { printRows, printTensor } from '../tensors/print';
import type { ValueRules } from '../tensors/values';
import type { Lease } from '../../models';

export const RULES: ValueRules = { base64: true };

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
export async function predict(model: ServedModel, { body }: WireRequest): Promise<WireAnswer> {
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
  const columns =
    instances === undefined
      ? readColumns(reader, signature, RULES)
      : readRows(reader, signature, RULES);
  const lease = leaseColumns(model, signature, columns);
  try {
    await lease.run();
    const text = instances === undefined ? printOutputs(lease) : printPredictions(lease);
    return { status: 200, type: JSON_TYPE, body: text };
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

function printOutputs(lease: Lease): string {
  const printed = namedOutputs(lease).map(({ name, index }) => ({
    name,
    text: printTensor(lease.output(index), name, 'tensorflow', name.endsWith(BYTES_SUFFIX)),
  }));
  const [only, second] = printed;
  const outputs =
    only !== undefined && second === undefined
      ? only.text
      : `{\n${printed.map(({ name, text }) => `        ${JSON.stringify(name)}: ${text}`).join(',\n')}\n    }`;
  return `{\n    "outputs": ${outputs}\n}`;
}

function printPredictions(lease: Lease): string {
  const printed = namedOutputs(lease).map(({ name, index }) => {
    const tensor = lease.output(index);
    if (tensor.dims.length === 0)
      throw badRequest('', `output '${name}' is a scalar, which has no rows: use 'inputs'`);
    return {
      name: JSON.stringify(name),
      rows: printRows(tensor, name, 'tensorflow', name.endsWith(BYTES_SUFFIX)),
    };
  });
  const [first, second] = printed;
  if (first === undefined) return '{\n    "predictions": []\n}';
  const count = first.rows.length;
  const other = printed.find(({ rows }) => rows.length !== count);
  if (other !== undefined) {
    throw badRequest(
      '',
      `output ${other.name} has ${other.rows.length} rows and ${first.name} ${count}: use 'inputs'`,
    );
  }
  if (second === undefined) return `{\n    "predictions": [${first.rows.join(', ')}]\n}`;
  const objects = first.rows.map((_, row) => {
    const fields = printed.map(({ name, rows }) => `            ${name}: ${rows[row]}`);
    return `        {\n${fields.join(',\n')}\n        }`;
  });
  return `{\n    "predictions": [${objects.length === 0 ? '' : `\n${objects.join(',\n')}\n    `}]\n}`;
}
