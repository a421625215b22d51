import { ModelError, type Caller, type ModelRepository, type ServedModel } from '../../models';
import { badRequest } from '../errors';
import type { NonFinite } from '../json/numbers';
import { JsonReader } from '../json/reader';
import {
  headerOf,
  jsonAnswer,
  keyText,
  type Body,
  type WireAnswer,
  type WireRequest,
} from '../request';
import { forbidControl, type Handler, type Protocol, type Route, type WireContext } from '../route';
import { LENGTH_HEADER, printAnswer, wantedOutputs } from './answer';
import { indexEntry, modelConfig, modelMetadata, modelStatistics } from './describe';
import { inTime } from '../in-time';
import { runAndAnswer } from '../run-call';
import { feedRaw } from '../tensors/raw';
import { feed, planFeed } from './feed';
import { readOftenSent } from './request';

/** What of the protocol's extensions there is. */
export const EXTENSIONS = [
  'binary_tensor_data',
  'model_repository',
  'model_configuration',
  'statistics',
  'parameters',
];

/** The Open Inference Protocol, version 2, over REST, with Triton's extensions. */
export function openInference(context: WireContext): Protocol {
  const { models } = context;
  const find = ({ names }: WireRequest): ServedModel =>
    models.find(names['model'] ?? '', names['version']);
  const ready = (isReady: boolean, more: object = {}): WireAnswer =>
    jsonAnswer({ ...more, ready: isReady }, isReady ? 200 : 503);

  const modelReady: Handler = (request) => {
    const name = request.names['model'] ?? '';
    try {
      return ready(find(request).isHealthy, { name });
    } catch (error) {
      if (error instanceof ModelError && error.kind === 'not-ready') return ready(false, { name });
      throw error;
    }
  };

  const statistics: Handler = (request) => {
    const { model: name, version } = request.names;
    const all = name === undefined ? models.all() : models.versions(name);
    const loaded = all
      .flatMap(({ model }) => model ?? [])
      .filter((each) => request.allows(each.name));
    const wanted = version === undefined ? loaded : [models.find(name ?? '', version)];
    return jsonAnswer({ model_stats: wanted.map(modelStatistics) });
  };

  const index: Handler = (request) => {
    const readyOnly = readIndexRequest(request.body.bytes());
    const entries = models
      .all()
      .filter(({ name, state }) => request.allows(name) && (!readyOnly || state === 'AVAILABLE'));
    return jsonAnswer(entries.map(indexEntry));
  };

  const control =
    (change: 'load' | 'unload'): Handler =>
    async ({ names }) => {
      if (context.control === undefined) throw forbidControl(change);
      await context.control[change](names['model'] ?? '');
      return jsonAnswer({});
    };

  const model = '^/v2/models/(?<model>[^/]+)(?:/versions/(?<version>[^/]+))?';
  const get = (path: string, handler: Handler): Route => ({
    path: new RegExp(path),
    methods: { GET: handler },
  });
  // Those who ask are probes, which have no key.
  const open = (path: string, handler: Handler): Route => ({
    ...get(path, handler),
    needs: 'nothing',
  });
  const repository = '^/v2/repository/models/(?<model>[^/]+)';
  return {
    name: 'oip',
    owns: (path) => /^\/v2(\/|$)/.test(path),
    printError: ({ status, message, headers }) => ({
      ...jsonAnswer({ error: message }, status),
      ...(headers && { headers }),
    }),
    routes: [
      {
        path: new RegExp(`${model}/infer$`),
        methods: { POST: (request) => infer(models, find(request), request, context.nonFinite) },
        takes: takesInfer,
        beforeBody: inTime(models),
      },
      get(`${model}/ready$`, modelReady),
      get(`${model}/config$`, (request) => {
        const found = find(request);
        return jsonAnswer(modelConfig(found, models.traffic(found.name)));
      }),
      // Before the model that would be called so.
      get('^/v2/models/stats$', statistics),
      get(`${model}/stats$`, statistics),
      get(`${model}$`, (request) => {
        const found = find(request);
        return jsonAnswer(modelMetadata(found, models.versions(found.name)));
      }),
      get('^/v2/models/?$', (request) =>
        jsonAnswer({ models: models.names.filter((name) => request.allows(name)) }),
      ),
      open('^/v2/health/live$', () => jsonAnswer({ live: true })),
      open('^/v2/health/ready$', () => ready(models.isReady)),
      get('^/v2/?$', () =>
        jsonAnswer({ name: 'onlite', version: context.version, extensions: EXTENSIONS }),
      ),
      { path: /^\/v2\/repository\/index$/, methods: { POST: index } },
      {
        path: new RegExp(`${repository}/load$`),
        methods: { POST: control('load') },
        needs: 'manage',
      },
      {
        path: new RegExp(`${repository}/unload$`),
        methods: { POST: control('unload') },
        needs: 'manage',
      },
    ],
  };
}

/** tritonclient sends no type, kserve's an octet stream. */
const takesInfer = (type: string | undefined): boolean =>
  type === undefined ||
  type === 'application/json' ||
  type === 'application/octet-stream' ||
  type.endsWith('+json');

function infer(
  models: ModelRepository,
  found: ServedModel,
  request: WireRequest,
  nonFinite: NonFinite,
): WireAnswer | Promise<WireAnswer> {
  const { body, headers, names, caller } = request;
  const length = jsonLength(request);
  const parsed = length === 0 ? undefined : readOftenSent(body.slice(0, length));
  const model =
    names['version'] !== undefined
      ? found
      : models.divert(found, ({ header, parameter }) =>
          header === undefined
            ? keyText(parsed?.parameters.get(parameter))
            : headerOf(headers, header),
        );
  if (parsed === undefined) return inferRaw(model, body, caller);
  const plan = planFeed(model, parsed);
  const lease = feed(plan, body, length, { nonFinite });
  const { timeoutMs, priority, id } = parsed;
  lease.requestId = id;
  return runAndAnswer(
    lease,
    () => lease.run(caller, timeoutMs, priority),
    () => printAnswer(lease, plan.wanted, id, nonFinite),
  );
}

/** Who sends one raw tensor is sent raw ones. */
function inferRaw(
  model: ServedModel,
  body: Body,
  caller: Caller,
): WireAnswer | Promise<WireAnswer> {
  const signature = model.signature();
  const wanted = wantedOutputs(signature, { outputs: undefined, binaryOutput: true });
  const lease = feedRaw(model, signature, body);
  return runAndAnswer(
    lease,
    () => lease.run(caller),
    () => printAnswer(lease, wanted, undefined),
  );
}

/** Bytes of the uncompressed body that are JSON; 0 for a body that is one raw tensor. */
function jsonLength({ headers, body }: WireRequest): number {
  const value = headers['inference-header-content-length'];
  if (value === undefined) {
    if (body.length === 0) throw badRequest('', 'the body is empty');
    return body.length;
  }
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw badRequest(LENGTH_HEADER, `expected a whole number, got '${String(value)}'`);
  }
  const length = Number(value);
  if (length <= body.length) return length;
  throw badRequest(LENGTH_HEADER, `${length} is more than the body's ${body.length} bytes`);
}

function readIndexRequest(json: Buffer): boolean {
  let readyOnly = false;
  if (json.length === 0) return readyOnly;
  const reader = new JsonReader(json);
  reader.object((key) => {
    if (key === 'ready') readyOnly = reader.boolean();
    else reader.skip();
  });
  reader.finish();
  return readyOnly;
}
