import type { Tensor } from 'onlite';

import type { Lease } from '../../../models';
import { ProtobufWriter } from '../../protobuf/writer';
import type { RpcMessage } from '../../rpc';
import { bytesOf } from '../../tensors/memory';
import type { WantedOutput } from '../answer';
import { writeStrings } from '../bytes';
import { datatypeOf } from '../datatypes';

/** What about a response takes besides the bytes of its tensors, and each output in it. */
const HEAD_BYTES = 256;
const OUTPUT_BYTES = 128;

/** Larger tensors are sent from the outputs' own memory. */
const COPIED_BYTES = 16 << 10;

/**
 * The ModelInferResponse of a run that has ended, all outputs raw. The lease ends now, or when larger
 * ones have been sent.
 */
export function printModelInfer(
  lease: Lease,
  wanted: readonly WantedOutput[],
  id: string,
): RpcMessage {
  const { model } = lease;
  const tensors = wanted.map(({ index }) => lease.output(index));
  const raw = tensors.map(rawBytes);
  const size = raw.reduce((sum, bytes) => sum + bytes.length, 0);
  const isCopied = size <= COPIED_BYTES;
  const writer = new ProtobufWriter(HEAD_BYTES + raw.length * OUTPUT_BYTES + (isCopied ? size : 0));
  writer.string(1, model.name).string(2, model.version).string(3, id);
  for (const [index, { name }] of wanted.entries()) {
    const tensor = tensors[index];
    if (tensor === undefined) continue;
    writer.message(5, (output) => {
      output.string(1, name).string(2, datatypeOf(tensor.type)).integers(3, tensor.dims);
    });
  }
  if (isCopied) {
    for (const bytes of raw) writer.bytes(6, bytes);
    lease.release();
    return writer.finish();
  }
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const bytes of raw) {
    writer.bytesHead(6, bytes.length);
    parts.push(writer.since(from), bytes);
    from = writer.length;
  }
  return { parts, length: writer.length + size, release: () => lease.release() };
}

const rawBytes = (tensor: Tensor): Uint8Array =>
  tensor.type === 'string' ? writeStrings(tensor.data as unknown as string[]) : bytesOf(tensor);

/** A ModelStreamInferResponse; each is the last one to its request. */
export function printStreamed(response: RpcMessage): RpcMessage {
  const final = new ProtobufWriter();
  // ModelInferResponse.parameters; messages that follow each other are one.
  final.message(4, (entry) => {
    entry.string(1, 'triton_final_response').message(2, (value) => value.bool(1, true));
  });
  const parameters = final.finish();
  const isWhole = response instanceof Uint8Array;
  const head = new ProtobufWriter(16).bytesHead(2, parameters.length + response.length).finish();
  const parts = [head, parameters, ...(isWhole ? [response] : response.parts)];
  const length = head.length + parameters.length + response.length;
  const release = isWhole ? undefined : response.release;
  return { parts, length, ...(release && { release }) };
}

/** A ModelStreamInferResponse of a request that failed. */
export function printStreamFailure(id: string, model: string, message: string): Buffer {
  const writer = new ProtobufWriter();
  writer.string(1, message);
  writer.message(2, (response) => response.string(1, model).string(3, id));
  return writer.finish();
}
