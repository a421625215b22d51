import { ModelError, type ServedModel } from '../../../models';
import { badRequest } from '../../errors';
import { ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import { readTexts } from '../../protobuf/texts';
import { ProtobufWriter } from '../../protobuf/writer';
import { forbidControl, type WireContext } from '../../route';
import { keyText } from '../../request';
import {
  forEverybody,
  needsModel,
  rpcMethod,
  type RpcCall,
  type RpcMessage,
  type RpcMethod,
  type RpcService,
} from '../../rpc';
import { runAndAnswer } from '../../run-call';
import { wantedOutputs } from '../answer';
import { EXTENSIONS } from '../routes';
import { printModelInfer, printStreamFailure, printStreamed } from './answer';
import { printConfig, printIndex, printMetadata, printServer, printStatistics } from './describe';
import { feedContents } from './feed';
import { readAsked } from './parameters';
import { readModelInfer, type ModelInferRequest } from './request';

/** The Open Inference Protocol, version 2, over gRPC, with Triton's extensions. */
export function inferenceService(context: WireContext): RpcService {
  const { models, control } = context;
  const find = (name: string, version: string): ServedModel =>
    models.find(name, version === '' ? undefined : version);
  const infer = (request: ModelInferRequest, call: RpcCall): RpcMessage | Promise<RpcMessage> => {
    const found = find(request.model, request.version);
    if (request.version !== '') return runInfer(found, request, call);
    const model = models.divert(found, ({ header, parameter }) =>
      header === undefined
        ? keyText(request.parameters.get(parameter))
        : call.header(header.toLowerCase()),
    );
    return runInfer(model, request, call);
  };

  const ofModel = (print: (model: ServedModel) => Buffer): RpcMethod =>
    rpcMethod(ofNamed, nameAndVersion, ({ name, version }) => print(find(name, version)));
  const change = (what: 'load' | 'unload'): RpcMethod =>
    rpcMethod(toChange, readChange, async ({ name, parameters }) => {
      if (control === undefined) throw forbidControl(what);
      const other = parameters.find((parameter) => parameter !== 'unload_dependents');
      if (other !== undefined) throw badRequest(`parameters.${other}`, 'is not supported');
      await control[what](name);
      return EMPTY;
    });

  return {
    name: 'inference.GRPCInferenceService',
    methods: {
      ServerLive: rpcMethod(forEverybody, nothing, () => yes(true)),
      ServerReady: rpcMethod(forEverybody, nothing, () => yes(models.isReady)),
      ModelReady: rpcMethod(ofNamed, nameAndVersion, ({ name, version }) => {
        try {
          return yes(find(name, version).isHealthy);
        } catch (error) {
          if (error instanceof ModelError && error.kind === 'not-ready') return yes(false);
          throw error;
        }
      }),
      ServerMetadata: rpcMethod({ action: 'infer' }, nothing, () =>
        printServer(context.version, EXTENSIONS),
      ),
      ModelMetadata: ofModel((model) => printMetadata(model, models.versions(model.name))),
      ModelConfig: ofModel((model) => printConfig(model, models.traffic(model.name))),
      ModelInfer: rpcMethod(toInfer, readModelInfer, infer),
      ModelStatistics: rpcMethod(ofNamed, nameAndVersion, ({ name, version }, call) => {
        if (version !== '') return printStatistics([find(name, version)]);
        const all = name === '' ? models.all() : models.versions(name);
        const loaded = all.flatMap(({ model }) => model ?? []);
        return printStatistics(loaded.filter((each) => call.allows(each.name)));
      }),
      RepositoryIndex: rpcMethod({ action: 'infer' }, readIndex, ({ readyOnly }, call) =>
        printIndex(
          models
            .all()
            .filter(
              ({ name, state }) => call.allows(name) && (!readyOnly || state === 'AVAILABLE'),
            ),
        ),
      ),
      RepositoryModelLoad: change('load'),
      RepositoryModelUnload: change('unload'),
    },
    streams: {
      ModelStreamInfer: {
        ...rpcMethod(toInfer, readModelInfer, async (request, call) =>
          printStreamed(await infer(request, call)),
        ),
        printFailure: (request, message) => {
          const { id, model } = request as ModelInferRequest;
          return printStreamFailure(id, model, message);
        },
      },
    },
  };
}

function runInfer(
  model: ServedModel,
  request: ModelInferRequest,
  call: RpcCall,
): RpcMessage | Promise<RpcMessage> {
  const { timeoutMs, priority, signatureName } = readAsked(request);
  const signature = model.signature(signatureName);
  const outputs = request.outputs.map(({ name }) => ({ name, binary: true }));
  const wanted = wantedOutputs(signature, {
    outputs: outputs.length === 0 ? undefined : outputs,
    binaryOutput: true,
  });
  const lease = feedContents(model, signature, request);
  if (request.id !== '') lease.requestId = request.id;
  return runAndAnswer(
    lease,
    () => lease.run(call, timeoutMs, priority),
    () => printModelInfer(lease, wanted, request.id),
  );
}

const toInfer = needsModel('infer', ({ model }: ModelInferRequest) => model);
const ofNamed = needsModel('infer', ({ name }: { name: string }) => name);
const toChange = needsModel('manage', ({ name }: { name: string }) => name);

const EMPTY = Buffer.alloc(0);

const nothing = (bytes: Buffer): string[] => readTexts(bytes, 0);

function nameAndVersion(bytes: Buffer): { name: string; version: string } {
  const [name = '', version = ''] = readTexts(bytes, 2);
  return { name, version };
}

const yes = (value: boolean): Buffer => new ProtobufWriter(8).bool(1, value).finish();

const indexFields = fieldsOf({ 2: Wire.varint });

/** RepositoryIndexRequest: whether only what is ready is asked for. */
function readIndex(bytes: Buffer): { readyOnly: boolean } {
  const reader = new ProtobufReader(bytes);
  let readyOnly = false;
  while (reader.next(indexFields)) readyOnly = reader.bool();
  return { readyOnly };
}

const changeFields = fieldsOf({ 2: Wire.bytes, 3: Wire.bytes });

/** RepositoryModelLoadRequest and RepositoryModelUnloadRequest, as Triton has them. */
function readChange(bytes: Buffer): { name: string; parameters: string[] } {
  const reader = new ProtobufReader(bytes);
  let name = '';
  const parameters: string[] = [];
  while (reader.next(changeFields)) {
    if (reader.field === 2) name = reader.string();
    else parameters.push(readTexts(reader.bytes(), 1)[0] ?? '');
  }
  return { name, parameters };
}
