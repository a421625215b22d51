import { ALL_MODELS } from '../../../access';
import type { VersionStatus } from '../../../models';
import { RequestError, badRequest } from '../../errors';
import { ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import { readTexts } from '../../protobuf/texts';
import type { WireContext } from '../../route';
import { needsModel, rpcMethod, type RpcService } from '../../rpc';
import { SIGNATURE_DEF, printModelMetadata, printModelStatus } from './describe';
import { answerExamples, readExamples, writeClasses, writeNumbers } from './examples';
import { NO_MODEL, findModel, readModelSpec, type ModelSpec } from './model-spec';
import { predict, readPredict } from './predict';

/** TensorFlow Serving's gRPC API, which answers for its models. */
export function predictionService({ models, maxBodyBytes }: WireContext): RpcService {
  return {
    name: 'tensorflow.serving.PredictionService',
    methods: {
      Predict: rpcMethod(ofSpec, readPredict, (request, call) =>
        predict(models, maxBodyBytes, request, call),
      ),
      Classify: rpcMethod(ofSpec, readExamples, (request, call) =>
        answerExamples(models, request, call, writeClasses),
      ),
      Regress: rpcMethod(ofSpec, readExamples, (request, call) =>
        answerExamples(models, request, call, writeNumbers),
      ),
      GetModelMetadata: rpcMethod(ofSpec, readSpecAndFields, ({ spec, fields }) => {
        const model = findModel(models, spec);
        if (fields.length === 0) throw badRequest('metadata_field', `expected '${SIGNATURE_DEF}'`);
        const other = fields.findIndex((field) => field !== SIGNATURE_DEF);
        if (other < 0) return printModelMetadata(model);
        throw badRequest(
          `metadata_field[${other}]`,
          `expected '${SIGNATURE_DEF}', got '${fields[other]}'`,
        );
      }),
    },
  };
}

/** TensorFlow Serving's gRPC API that tells of versions and changes what is served. */
export function modelService({ models }: WireContext): RpcService {
  const wanted = ({ name, version, label }: ModelSpec): VersionStatus[] => {
    if (name === '') throw badRequest('model_spec.name', 'expected the name of a model');
    const all = models.versions(name);
    const only = label === undefined ? version : models.findLabelled(name, label).version;
    const found = all.filter((each) => only === undefined || each.version === only);
    if (found.length > 0) return found;
    throw new RequestError(404, `model '${name}' has no version ${only}`);
  };
  return {
    name: 'tensorflow.serving.ModelService',
    methods: {
      GetModelStatus: rpcMethod(ofSpec, readSpecAndFields, ({ spec }) =>
        printModelStatus(wanted(spec)),
      ),
      HandleReloadConfigRequest: rpcMethod(
        { action: 'manage', modelOf: () => ALL_MODELS },
        (bytes) => readTexts(bytes, 0),
        () => {
          const why = 'a folder that is served with --model-base-path is watched instead';
          throw new RequestError(501, `configurations of models cannot be changed: ${why}`);
        },
      ),
    },
  };
}

const ofSpec = needsModel('infer', ({ spec }: { spec: ModelSpec }) => spec.name);

const requestFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes });

/** GetModelMetadataRequest, and GetModelStatusRequest, which has no fields of metadata. */
function readSpecAndFields(bytes: Buffer): { spec: ModelSpec; fields: string[] } {
  const reader = new ProtobufReader(bytes);
  let spec = NO_MODEL;
  const fields: string[] = [];
  while (reader.next(requestFields)) {
    if (reader.field === 1) spec = readModelSpec(reader.message());
    else fields.push(reader.string());
  }
  return { spec, fields };
}
