import type { ElementType, Tensor } from 'onlite';

import type { Lease, Signature } from '../../models';
import { badRequest } from '../errors';
import { TextMemory, printAll } from '../json/print-numbers';
import { isNumberType, type NonFinite } from '../json/numbers';
import { JSON_TYPE, lengthOf, partsOf, type AnswerPart, type WireAnswer } from '../request';
import { writeStrings } from './bytes';
import { datatypeOf, hasDatatype } from './datatypes';
import { joinParts } from '../tensors/print';
import type { InferOutput, InferRequest } from './request';

export const LENGTH_HEADER = 'Inference-Header-Content-Length';

/** An output that is to be sent. */
export interface WantedOutput {
  readonly index: number;
  readonly name: string;
  readonly binary: boolean;
}

/** @throws RequestError 400 for a name that the model does not have, and for what has no JSON form */
export function wantedOutputs(
  signature: Signature,
  { outputs, binaryOutput }: Pick<InferRequest, 'outputs' | 'binaryOutput'>,
): WantedOutput[] {
  const asked: readonly InferOutput[] =
    outputs ?? signature.outputs.map(({ name }) => ({ name, binary: undefined }));
  const seen = new Set<string>();
  return asked.map(({ name, binary = binaryOutput }, position) => {
    const path = outputs === undefined ? `output '${name}'` : `outputs[${position}]`;
    const index = signature.outputIndex.get(name);
    const type = index === undefined ? undefined : signature.outputs[index]?.type;
    if (index === undefined || type === undefined) {
      const names = [...signature.outputIndex.keys()].join(', ');
      throw badRequest(`${path}.name`, `expected one of ${names}, got '${name}'`);
    }
    if (seen.has(name)) throw badRequest(`${path}.name`, `'${name}' is there twice`);
    seen.add(name);
    if (!hasDatatype(type)) throw badRequest(path, `${type} has no name in the protocol`);
    if (!binary && !hasJsonForm(type)) {
      throw badRequest(path, `${datatypeOf(type)} has no JSON form: ask for binary_data`);
    }
    return { index, name, binary };
  });
}

const hasJsonForm = (type: ElementType): boolean =>
  isNumberType(type) || type === 'bool' || type === 'string';

/** Up to so many bytes of tensors are copied behind the JSON, so that the answer is one piece with its headers. */
const COPIED_BYTES = 16 << 10;

/**
 * The answer to a request whose run has ended. Larger binary tensors are sent from the outputs' own
 * memory: the lease ends when they have been.
 */
export function printAnswer(
  lease: Lease,
  wanted: readonly WantedOutput[],
  id: string | undefined,
  nonFinite?: NonFinite,
): WireAnswer {
  const texts = new TextMemory();
  const said = id === undefined || id === '' ? '' : `"id":${JSON.stringify(id)},`;
  const binary: Uint8Array[] = [];
  let binaryBytes = 0;
  for (const { index, binary: isBinary } of wanted) {
    if (!isBinary) continue;
    const tensor = lease.output(index);
    const bytes =
      tensor.type === 'string'
        ? writeStrings(tensor.data as unknown as string[])
        : lease.outputBytes(index);
    binary.push(bytes);
    binaryBytes += bytes.length;
  }
  const isPlain = binary.length === wanted.length && said === '' && !hasStrings(lease, wanted);
  const json = isPlain
    ? lease.headFor(wanted, () => printHead(lease, wanted, binary))
    : joinParts(printParts(lease, wanted, binary, said, nonFinite, texts));
  if (binaryBytes === 0) {
    lease.release();
    return { status: 200, type: JSON_TYPE, body: json, ...texts.forAnswer() };
  }
  const type = 'application/octet-stream';
  const length = lengthOf(json);
  const headers = { [LENGTH_HEADER]: String(length) };
  if (typeof json === 'string' && json.length === length && binaryBytes <= COPIED_BYTES) {
    let body = json;
    for (const bytes of binary) body += asBuffer(bytes).toString('latin1');
    lease.release();
    return { status: 200, type, headers, body, isLatin1: true };
  }
  const body: AnswerPart[] = [...partsOf(json), ...binary];
  const release = (): void => {
    lease.release();
    texts.release();
  };
  return { status: 200, type, headers, body, release };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whose sizes are others each time. */
const hasStrings = ({ signature }: Lease, wanted: readonly WantedOutput[]): boolean =>
  wanted.some(({ index }) => signature.outputs[index]?.type === 'string');

const printHead = (
  lease: Lease,
  wanted: readonly WantedOutput[],
  binary: readonly Uint8Array[],
): string => printParts(lease, wanted, binary, '', undefined).join('');

/** The JSON of an answer. */
function printParts(
  lease: Lease,
  wanted: readonly WantedOutput[],
  binary: readonly Uint8Array[],
  said: string,
  nonFinite: NonFinite | undefined,
  texts?: TextMemory,
): AnswerPart[] {
  const { model } = lease;
  const name = JSON.stringify(model.name);
  const parts: AnswerPart[] = [
    `{${said}"model_name":${name},"model_version":"${model.version}","outputs":[`,
  ];
  let next = 0;
  for (const [position, output] of wanted.entries()) {
    const tensor = lease.output(output.index);
    const head = `${position === 0 ? '' : ','}{"name":${JSON.stringify(output.name)},"datatype":"${datatypeOf(tensor.type)}","shape":[${tensor.dims.join(',')}],`;
    if (output.binary) {
      parts.push(`${head}"parameters":{"binary_data_size":${binary[next++]?.length}}}`);
    } else parts.push(`${head}"data":`, printData(tensor, output.name, nonFinite, texts), '}');
  }
  parts.push(']}');
  return parts;
}

function printData(
  tensor: Tensor,
  name: string,
  nonFinite: NonFinite | undefined,
  texts: TextMemory | undefined,
): AnswerPart {
  if (tensor.type !== 'string') {
    return printAll(tensor, `output '${name}'`, { form: 'shortest', nonFinite }, 'flat', texts);
  }
  const strings = (tensor.data as unknown as string[]).map((text) => JSON.stringify(text));
  return `[${strings.join(',')}]`;
}
