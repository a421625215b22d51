import { wireShape, type ServedModel } from '../../models';
import { LENGTH_HEADER } from '../oip/answer';
import { datatypeOf } from '../oip/datatypes';
import { JSON_TYPE } from '../request';
import type { Handler, WireContext } from '../route';
import { elementBytes } from '../tensors/element-bytes';

/**
 * `GET /`: what is served, with a command that calls each model. As JSON it is what KServe's clients
 * take for a live server; who asks for text gets lines that can be pasted into a shell.
 */
export function homePage({ models, version }: WireContext): Handler {
  return (request) => {
    const all = models.all().filter(({ name }) => request.allows(name));
    const served = all.map(({ name, version: of, state, model }) => ({
      name,
      version: of,
      state,
      ...(model && { curl: curlLine(model, request.origin()) }),
    }));
    if (request.headers.accept?.startsWith('text/') !== true) {
      const body = { status: 'alive', server: `onlite ${version}`, models: served };
      return { status: 200, type: JSON_TYPE, body: `${JSON.stringify(body, null, 2)}\n` };
    }
    const lines = served.map(({ curl, ...each }) =>
      [`${each.name} ${each.version} ${each.state}`, curl].filter(Boolean).join('\n'),
    );
    return { status: 200, type: 'text/plain; charset=utf-8', body: `${lines.join('\n\n')}\n` };
  };
}

/** More values than these are no pleasure in a command line: zeros are made beside it. */
const MAX_VALUES = 32;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A command that runs a model on zeros. */
export function curlLine(model: ServedModel, origin: string): string {
  const { inputs } = model.signature();
  const url = quoted(`${origin}/v2/models/${encodeURIComponent(model.name)}/infer`);
  const tensors = inputs
    .filter(({ optional }) => optional !== true)
    .map((input) => {
      const shape = wireShape(input).map((dim) => (dim < 0 ? 1 : dim));
      return { input, shape, count: shape.reduce((product, dim) => product * dim, 1) };
    });
  const described = tensors.map(({ input, shape }) => ({
    name: input.name,
    shape,
    datatype: datatypeOf(input.type),
  }));
  const isSmall =
    tensors.reduce((sum, { count }) => sum + count, 0) <= MAX_VALUES &&
    tensors.every(({ input }) => !/^b?float16$/.test(input.type));
  if (isSmall) {
    const zeros = { bool: false, string: '' } as Readonly<Record<string, unknown>>;
    const request = {
      inputs: tensors.map(({ input, count }, index) => ({
        ...described[index],
        data: new Array<unknown>(count).fill(zeros[input.type] ?? 0),
      })),
    };
    return `curl ${url} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(request))}`;
  }
  // Four zero bytes are an empty string.
  const sizes = tensors.map(({ input, count }) => count * (elementBytes(input.type) ?? 4));
  const request = JSON.stringify({
    inputs: described.map((each, index) => ({
      ...each,
      parameters: { binary_data_size: sizes[index] },
    })),
  });
  const zeros = sizes.reduce((sum, size) => sum + size, 0);
  return (
    `(printf %s ${quoted(request)}; head -c ${zeros} /dev/zero) | curl ${url} ` +
    `-H 'Content-Type: application/octet-stream' ` +
    `-H '${LENGTH_HEADER}: ${Buffer.byteLength(request)}' --data-binary @-`
  );
}
