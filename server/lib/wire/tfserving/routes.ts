import type { ServedModel } from '../../models';
import { RequestError, badRequest } from '../errors';
import { inTime } from '../in-time';
import { JSON_TYPE, headerOf, jsonAnswer, type WireAnswer, type WireRequest } from '../request';
import type { Handler, Protocol, WireContext } from '../route';
import { modelStatus, signatureMetadata } from './describe';
import { answerExamples, printClasses, printNumbers } from './examples';
import { predict } from './predict';

/**
 * TensorFlow Serving's REST API, and KServe's first protocol, which has the same paths. As there, case
 * does not matter in paths, a query is part of the name that it stands behind, and a body is JSON
 * whatever its type is called.
 */
export function tensorflowServing({ models, nonFinite }: WireContext): Protocol {
  const find = ({ names }: WireRequest): ServedModel => {
    const { model = '', version, label } = names;
    if (label !== undefined) return models.findLabelled(model, label);
    return models.find(model, version === undefined ? undefined : checkVersion(version));
  };
  const choose = (request: WireRequest): ServedModel => {
    const found = find(request);
    const { version, label } = request.names;
    if (version !== undefined || label !== undefined) return found;
    return models.divert(found, ({ header }) => header && headerOf(request.headers, header));
  };
  const status: Handler = ({ names }) => {
    const { model = '', version, label } = names;
    const all = models.versions(model);
    if (label !== undefined) {
      const { version: found } = models.findLabelled(model, label);
      return pretty(
        modelStatus(
          model,
          all.filter((each) => each.version === found),
        ),
      );
    }
    if (version === undefined) return pretty(modelStatus(model, all));
    const wanted = checkVersion(version);
    const found = all.filter((each) => each.version === wanted);
    if (found.length > 0) return pretty(modelStatus(model, found));
    throw new RequestError(404, `model '${model}' has no version ${wanted}`);
  };
  const model =
    '^/v1/models/(?<model>[^/:]+)(?:/versions/(?<version>\\d+)|/labels/(?<label>[^/:]+))?';
  const path = (rest: string) => new RegExp(`${model}${rest}$`, 'i');
  const post = (method: string, handler: Handler) => ({
    path: path(`:${method}`),
    methods: { POST: handler },
    beforeBody: inTime(models),
    withQuery: true,
  });
  return {
    name: 'tfserving',
    owns: (url) => /^\/v1(\/|$)/i.test(url),
    unknownPath: { status: 400, message: 'Malformed request: no such path under /v1/' },
    printError: ({ status: code, message }) => jsonAnswer({ error: message }, code),
    routes: [
      post('predict', (request) => predict(choose(request), request, nonFinite)),
      post('classify', (request) =>
        answerExamples(choose(request), request, printClasses, nonFinite),
      ),
      post('regress', (request) =>
        answerExamples(choose(request), request, printNumbers, nonFinite),
      ),
      {
        path: path('/metadata'),
        methods: { GET: (request) => pretty(signatureMetadata(find(request))) },
        withQuery: true,
      },
      { path: path(''), methods: { GET: status }, withQuery: true },
    ],
  };
}

const MAX_VERSION = (1n << 63n) - 1n;

/** As models are called by: without leading zeros. */
function checkVersion(text: string): string {
  const version = text.length > 19 ? undefined : BigInt(text);
  if (version !== undefined && version <= MAX_VERSION) return String(version);
  throw badRequest('', `version ${text.slice(0, 40)} is beyond what an int64 holds`);
}

const pretty = (value: object): WireAnswer => ({
  status: 200,
  type: JSON_TYPE,
  body: `${JSON.stringify(value, null, 1)}\n`,
});
