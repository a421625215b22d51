import { ModelError, type Lease, type ServedModel } from '../../models';
import { badRequest } from '../errors';
import { inTime } from '../in-time';
import type { NonFinite } from '../json/numbers';
import { JsonReader } from '../json/reader';
import {
  JSON_TYPE,
  headerOf,
  jsonAnswer,
  type AnswerPart,
  type WireAnswer,
  type WireRequest,
} from '../request';
import type { Handler, Protocol, WireContext } from '../route';
import { leaseColumns, readColumns, readRows } from '../tensors/columns';
import {
  joinParts,
  printElements,
  printRows,
  printTensor,
  type OutputStyle,
} from '../tensors/print';
import { readKeys } from '../tfserving/predict';
import { readCsv } from './csv';
import { frameOfCsv, frameRules, readRecords, readSplit } from './frame';

const KEYS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/** MLflow's scoring server. */
export function mlflow({ models, version, nonFinite }: WireContext): Protocol {
  const healthy: Handler = () =>
    // TorchServe's clients read the status, MLflow's look at no more than 200.
    jsonAnswer({ status: 'Healthy' }, models.isReady ? 200 : 503);
  const choose = (name: string, { headers }: WireRequest): ServedModel =>
    models.divert(models.find(name), ({ header }) => header && headerOf(headers, header));
  const only: Handler = (request) => {
    const name = models.only;
    if (name !== undefined) return invoke(choose(name, request), request, nonFinite);
    const where = 'with several models they are at /models/{name}/invocations';
    throw new ModelError('not-found', `/invocations is for a server of one model: ${where}`);
  };
  const named: Handler = (request) =>
    invoke(choose(request.names['model'] ?? '', request), request, nonFinite);
  const beforeBody = inTime(models);
  return {
    name: 'mlflow',
    owns: (path) =>
      /^\/(ping|health|version|invocations)$/.test(path) ||
      /^\/models\/[^/]+\/invocations$/.test(path),
    printError: ({ status, message }) =>
      jsonAnswer({ error_code: codeOf(status), message }, status),
    routes: [
      { path: /^\/(ping|health)$/, methods: { GET: healthy }, needs: 'nothing' },
      {
        path: /^\/version$/,
        methods: { GET: () => ({ status: 200, type: 'text/plain; charset=utf-8', body: version }) },
      },
      { path: /^\/invocations$/, methods: { POST: only }, takes, beforeBody },
      {
        path: /^\/models\/(?<model>[^/]+)\/invocations$/,
        methods: { POST: named },
        takes,
        beforeBody,
      },
    ],
  };
}

/** MLflow's own names of what went wrong. */
function codeOf(status: number): string {
  if (status === 404) return 'RESOURCE_DOES_NOT_EXIST';
  if (status === 503) return 'TEMPORARILY_UNAVAILABLE';
  return status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST';
}

const takes = (type: string | undefined, parameters: string): boolean =>
  (type === JSON_TYPE || type === 'text/csv') && /^(charset="?utf-?8"?)?$/i.test(parameters);

async function invoke(
  model: ServedModel,
  request: WireRequest,
  nonFinite: NonFinite,
): Promise<WireAnswer> {
  const { lease, isFrame } = readInvocation(model, request, nonFinite);
  const style: OutputStyle = { form: 'tensorflow', nonFinite };
  try {
    await lease.run(request.caller);
    const predictions = isFrame ? [printRecords(lease, style)] : printTensors(lease, style);
    return {
      status: 200,
      type: JSON_TYPE,
      body: joinParts(['{"predictions": ', ...predictions, '}']),
    };
  } finally {
    lease.release();
  }
}

function readInvocation(
  model: ServedModel,
  { headers, body }: WireRequest,
  nonFinite: NonFinite,
): { lease: Lease; isFrame: boolean } {
  const signature = model.signature();
  const bytes = body.bytes();
  const rules = frameRules(nonFinite);
  if (headers['content-type']?.toLowerCase().startsWith('text/csv') === true) {
    const frame = frameOfCsv(readCsv(bytes.toString('utf8')), signature, rules);
    return { lease: frame.lease(model), isFrame: true };
  }
  const { reader: document, spans } = readKeys(bytes, KEYS);
  document.finish();
  const found = KEYS.filter((key) => spans.has(key));
  const [key, second] = found;
  const span = key && spans.get(key);
  if (key === undefined || span === undefined || second !== undefined) {
    throw badRequest(
      '',
      `expected exactly one of ${KEYS.join(', ')}, got ${found.join(', ') || 'none'}`,
    );
  }
  if (key === 'dataframe_split') {
    return { lease: readSplit(bytes, span, signature, rules).lease(model), isFrame: true };
  }
  if (key === 'dataframe_records') {
    return { lease: readRecords(bytes, span, signature, rules).lease(model), isFrame: true };
  }
  const reader = new JsonReader(bytes, { span });
  const columns = (key === 'instances' ? readRows : readColumns)(reader, signature, rules);
  reader.finish();
  return { lease: leaseColumns(model, signature, columns), isFrame: false };
}

/** Outputs by their names, even where there is one. */
function printTensors(lease: Lease, style: OutputStyle): AnswerPart[] {
  const printed = lease.signature.outputs.flatMap(({ name }, index) => [
    `${index === 0 ? '{' : ', '}${JSON.stringify(name)}: `,
    printTensor(lease.output(index), name, style),
  ]);
  return printed.length === 0 ? ['{}'] : [...printed, '}'];
}

/** A record for each row. */
function printRecords(lease: Lease, style: OutputStyle): string {
  const printed = lease.signature.outputs.map(({ name }, index) => {
    const tensor = lease.output(index);
    const [rows = 0] = tensor.dims;
    // A row of one value is that value, as in a column of a data frame.
    if (tensor.size !== rows) return { name, rows: printRows(tensor, name, style) };
    return { name, rows: printElements(tensor, name, style) };
  });
  const [first] = printed;
  const other = printed.find(({ rows }) => rows.length !== first?.rows.length);
  if (other !== undefined) {
    throw badRequest(
      '',
      `output '${other.name}' has ${other.rows.length} rows and '${first?.name}' ${first?.rows.length}`,
    );
  }
  const records = (first?.rows ?? []).map((_, row) => {
    const fields = printed.map(({ name, rows }) => `${JSON.stringify(name)}: ${rows[row]}`);
    return `{${fields.join(', ')}}`;
  });
  return `[${records.join(', ')}]`;
}
