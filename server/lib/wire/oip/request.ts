import { priorityOf } from '../../models';
import { badRequest, type RequestError } from '../errors';
import { JsonReader, type Span } from '../json/reader';

/** An input as the JSON part of a request describes it. */
export interface InferInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  /** Bytes of it after the JSON; undefined where its data is in the JSON. */
  readonly binarySize: number | undefined;
  /** Where its data is in the JSON. */
  readonly data: Span | undefined;
}

/** An output that was asked for. */
export interface InferOutput {
  readonly name: string;
  readonly binary: boolean | undefined;
}

/** The JSON part of a request, by itself: no model has looked at it yet. */
export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: readonly InferInput[];
  /** Undefined for all of the model's. */
  readonly outputs: readonly InferOutput[] | undefined;
  readonly binaryOutput: boolean;
  readonly timeoutMs: number | undefined;
  /** 1 is the first. */
  readonly priority: number | undefined;
  readonly signatureName: string | undefined;
  readonly parameters: Parameters;
  /** The same object is given for each request that is the same. */
  readonly isOften: boolean;
}

/** Parameters in the order that they come in; values are checked where they mean something. */
type Parameters = ReadonlyMap<string, string | number | boolean | null>;

const none: Parameters = new Map();

/** Requests whose tensors are all binary, which a client sends again and again, by their JSON. */
const known = new Map<string, InferRequest>();
const MAX_KNOWN = 64;
const MAX_KNOWN_BYTES = 2048;

/**
 * As {@link readInferRequest}; what was read before is not read again.
 *
 * @throws RequestError 400, naming the path of what is wrong
 */
export function readOftenSent(json: Buffer): InferRequest {
  if (json.length > MAX_KNOWN_BYTES) return readInferRequest(json);
  const text = json.toString('latin1');
  const before = known.get(text);
  if (before !== undefined) return before;
  const request = readInferRequest(json);
  // An id is another one each time.
  const isAlike =
    request.id === undefined && request.inputs.every(({ data }) => data === undefined);
  if (!isAlike) return request;
  const often = { ...request, isOften: true };
  const [oldest] = known.keys();
  if (known.size === MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  known.set(text, often);
  return often;
}

/** @throws RequestError 400, naming the path of what is wrong */
export function readInferRequest(json: Buffer): InferRequest {
  const reader = new JsonReader(json);
  let id: string | undefined;
  let inputs: InferInput[] | undefined;
  let outputs: InferOutput[] | undefined;
  let parameters = none;
  reader.object((key) => {
    switch (key) {
      case 'id':
        id = readId(reader);
        break;
      case 'inputs':
        if (inputs !== undefined) throw badRequest('inputs', 'is there twice');
        inputs = readInputs(reader);
        break;
      case 'outputs':
        if (outputs !== undefined) throw badRequest('outputs', 'is there twice');
        outputs = readOutputs(reader);
        break;
      case 'parameters':
        parameters = readParameters(reader);
        break;
      default:
        reader.skip();
    }
  });
  reader.finish();
  if (inputs === undefined) throw badRequest('inputs', 'expected an array, got nothing');
  for (const name of parameters.keys()) {
    if (name.startsWith('triton_')) {
      throw badRequest(`parameters.${name}`, "names that begin with 'triton_' are reserved");
    }
  }
  return {
    id,
    inputs,
    outputs: outputs?.length === 0 ? undefined : outputs,
    binaryOutput: flag(parameters, 'binary_data_output', 'parameters') ?? false,
    timeoutMs: timeout(parameters),
    priority: priority(parameters),
    signatureName: text(parameters, 'signature_name'),
    parameters,
    isOften: false,
  };
}

function readId(reader: JsonReader): string {
  if (reader.kind() === 'string') return reader.string();
  throw reader.fail('a string');
}

function readInputs(reader: JsonReader): InferInput[] {
  const inputs: InferInput[] = [];
  reader.array(() => inputs.push(readInput(reader)));
  return inputs;
}

function readInput(reader: JsonReader): InferInput {
  const { path } = reader;
  let name: string | undefined;
  let shape: number[] | undefined;
  let datatype: string | undefined;
  let data: Span | undefined;
  let parameters = none;
  reader.object((key) => {
    switch (key) {
      case 'name':
        name = reader.string();
        break;
      case 'shape':
        shape = readShape(reader);
        break;
      case 'datatype':
        datatype = reader.string();
        break;
      case 'data':
        data = reader.span();
        break;
      case 'parameters':
        parameters = readParameters(reader);
        break;
      default:
        reader.skip();
    }
  });
  if (name === undefined) throw missing(path, 'name', 'a string');
  if (shape === undefined) throw missing(path, 'shape', 'an array of whole numbers');
  if (datatype === undefined) throw missing(path, 'datatype', 'a string');
  refuseSharedMemory(parameters, path);
  const binarySize = size(parameters, path);
  if (binarySize === undefined && data === undefined) {
    throw missing(path, 'data', 'an array, or the parameter binary_data_size');
  }
  if (binarySize !== undefined && data !== undefined) {
    throw badRequest(`${path}.data`, 'has no place beside the parameter binary_data_size');
  }
  return { name, shape, datatype, binarySize, data };
}

const missing = (path: string, key: string, expected: string): RequestError =>
  badRequest(`${path}.${key}`, `expected ${expected}, got nothing`);

function readShape(reader: JsonReader): number[] {
  const shape: number[] = [];
  reader.array(() => {
    if (shape.length === 64) throw reader.fail('64 dimensions at most');
    shape.push(reader.count());
  });
  return shape;
}

function readOutputs(reader: JsonReader): InferOutput[] {
  const outputs: InferOutput[] = [];
  reader.array(() => {
    const { path } = reader;
    let name: string | undefined;
    let parameters = none;
    reader.object((key) => {
      if (key === 'name') name = reader.string();
      else if (key === 'parameters') parameters = readParameters(reader);
      else reader.skip();
    });
    if (name === undefined) throw missing(path, 'name', 'a string');
    refuseSharedMemory(parameters, path);
    if (parameters.has('classification')) {
      throw badRequest(`${path}.parameters.classification`, 'is not supported');
    }
    outputs.push({ name, binary: flag(parameters, 'binary_data', `${path}.parameters`) });
  });
  return outputs;
}

function refuseSharedMemory(parameters: Parameters, path: string): void {
  if (!parameters.has('shared_memory_region')) return;
  const where = `${path}.parameters.shared_memory_region`;
  throw badRequest(where, 'shared memory cannot be registered with this server');
}

function readParameters(reader: JsonReader): Parameters {
  const parameters = new Map<string, string | number | boolean | null>();
  reader.object((key) => {
    parameters.set(key, readParameter(reader));
  });
  return parameters;
}

function readParameter(reader: JsonReader): string | number | boolean | null {
  switch (reader.kind()) {
    case 'string':
      return reader.string();
    case 'boolean':
      return reader.boolean();
    case 'number':
      return reader.number();
    default:
      // What means nothing here may have any form.
      reader.skip();
      return null;
  }
}

function flag(parameters: Parameters, name: string, path: string): boolean | undefined {
  const value = parameters.get(name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw badRequest(`${path}.${name}`, `expected true or false, got ${JSON.stringify(value)}`);
}

function text(parameters: Parameters, name: string): string | undefined {
  const value = parameters.get(name);
  if (value === undefined || typeof value === 'string') return value;
  throw badRequest(`parameters.${name}`, `expected a string, got ${JSON.stringify(value)}`);
}

function size(parameters: Parameters, path: string): number | undefined {
  const value = parameters.get('binary_data_size');
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const where = `${path}.parameters.binary_data_size`;
  throw badRequest(where, `expected a whole number of at least 0, got ${JSON.stringify(value)}`);
}

/** The protocol has microseconds; 0 is none. */
function timeout(parameters: Parameters): number | undefined {
  const value = parameters.get('timeout');
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw badRequest('parameters.timeout', 'expected microseconds, a whole number of at least 0');
  }
  return value === 0 ? undefined : Math.min(value / 1000, 0x7fff_ffff);
}

/** As Triton has it: 1 is the first, 0 the default. */
function priority(parameters: Parameters): number | undefined {
  const value = parameters.get('priority');
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw badRequest('parameters.priority', 'expected a whole number of at least 0');
  }
  return value === 0 ? undefined : priorityOf(value);
}
