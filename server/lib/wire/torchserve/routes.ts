import type { Lease, ServedModel } from '../../models';
import { JsonReader } from '../json/reader';
import { JSON_TYPE, jsonAnswer, type WireAnswer, type WireRequest } from '../request';
import type { Handler, Protocol, WireContext } from '../route';
import { leaseColumns, readColumns } from '../tensors/columns';
import { printTensor } from '../tensors/print';
import { feedRaw } from '../tensors/raw';

/** Names of what went wrong, as TorchServe's exceptions. */
const types: Readonly<Record<number, string>> = {
  400: 'BadRequestException',
  404: 'ModelNotFoundException',
  405: 'MethodNotAllowedException',
  413: 'RequestEntityTooLargeException',
  503: 'ServiceUnavailableException',
};

/** TorchServe's predictions; its `/ping` is MLflow's. */
export function torchServe({ models }: WireContext): Protocol {
  const predictions: Handler = (request) => {
    const { model = '', version } = request.names;
    // TorchServe's versions are 1.0 and the like.
    return predict(models.find(model, version?.replace(/\.0$/, '')), request);
  };
  return {
    name: 'torchserve',
    owns: (path) => /^\/predictions(\/|$)/.test(path),
    printError: ({ status, message }) =>
      jsonAnswer(
        { code: status, type: types[status] ?? 'InternalServerException', message },
        status,
      ),
    routes: [
      {
        path: /^\/predictions\/(?<model>[^/]+)(?:\/(?<version>[^/]+))?$/,
        methods: { POST: predictions, PUT: predictions },
      },
    ],
  };
}

/** Raw bytes for an only input of uint8 or strings, else JSON: its value, or an object by names. */
async function predict(model: ServedModel, { headers, body }: WireRequest): Promise<WireAnswer> {
  const signature = model.signature();
  const [input, second] = signature.inputs;
  const isJson = headers['content-type']?.toLowerCase().startsWith(JSON_TYPE) === true;
  const isRaw =
    !isJson && second === undefined && (input?.type === 'uint8' || input?.type === 'string');
  let lease: Lease;
  if (isRaw) lease = feedRaw(model, signature, body);
  else {
    const reader = new JsonReader(body.bytes());
    const columns = readColumns(reader, signature, { base64: true });
    reader.finish();
    lease = leaseColumns(model, signature, columns);
  }
  try {
    await lease.run();
    const printed = signature.outputs.map(({ name }, index) => ({
      name: JSON.stringify(name),
      text: printTensor(lease.output(index), name, 'shortest'),
    }));
    const [only, more] = printed;
    const text =
      only !== undefined && more === undefined
        ? only.text
        : `{${printed.map(({ name, text: value }) => `${name}: ${value}`).join(', ')}}`;
    return { status: 200, type: JSON_TYPE, body: text };
  } finally {
    lease.release();
  }
}
