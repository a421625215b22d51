import type { Lease, ServedModel } from '../../models';
import { inTime } from '../in-time';
import type { NonFinite } from '../json/numbers';
import { JsonReader } from '../json/reader';
import { JSON_TYPE, headerOf, jsonAnswer, type WireAnswer, type WireRequest } from '../request';
import type { Handler, Protocol, WireContext } from '../route';
import { leaseColumns, readColumns } from '../tensors/columns';
import { joinParts, printTensor } from '../tensors/print';
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
export function torchServe({ models, nonFinite }: WireContext): Protocol {
  const predictions: Handler = (request) => {
    const { model = '', version } = request.names;
    const { headers } = request;
    // TorchServe's versions are 1.0 and the like.
    const found = models.find(model, version?.replace(/\.0$/, ''));
    const chosen =
      version === undefined
        ? models.divert(found, ({ header }) => header && headerOf(headers, header))
        : found;
    return predict(chosen, request, nonFinite);
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
        beforeBody: inTime(models),
      },
    ],
  };
}

/** Raw bytes for an only input of uint8 or strings, else JSON: its value, or an object by names. */
async function predict(
  model: ServedModel,
  { headers, body, caller }: WireRequest,
  nonFinite: NonFinite,
): Promise<WireAnswer> {
  const signature = model.signature();
  const [input, second] = signature.inputs;
  const isJson = headers['content-type']?.toLowerCase().startsWith(JSON_TYPE) === true;
  const isRaw =
    !isJson && second === undefined && (input?.type === 'uint8' || input?.type === 'string');
  let lease: Lease;
  if (isRaw) lease = feedRaw(model, signature, body);
  else {
    const reader = new JsonReader(body.bytes());
    const columns = readColumns(reader, signature, { base64: true, nonFinite });
    reader.finish();
    lease = leaseColumns(model, signature, columns);
  }
  try {
    await lease.run(caller);
    const printed = signature.outputs.map(({ name }, index) => ({
      name: JSON.stringify(name),
      text: printTensor(lease.output(index), name, { form: 'shortest', nonFinite }),
    }));
    const [only, more] = printed;
    const body =
      only !== undefined && more === undefined
        ? only.text
        : joinParts([
            '{',
            ...printed.flatMap(({ name, text }, at) => [`${at === 0 ? '' : ', '}${name}: `, text]),
            '}',
          ]);
    return { status: 200, type: JSON_TYPE, body };
  } finally {
    lease.release();
  }
}
