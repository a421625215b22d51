import type { Tensor } from 'onlite';

import type { Lease } from '../../../models';
import { ProtobufWriter } from '../../protobuf/writer';
import { bytesOf } from '../../tensors/memory';
import type { WantedOutput } from '../answer';
import { writeStrings } from '../bytes';
import { datatypeOf } from '../datatypes';

/** What about a response takes besides the bytes of its tensors, and each output in it. */
const HEAD_BYTES = 256;
const OUTPUT_BYTES = 128;

/** The ModelInferResponse of a run that has ended, all outputs raw. They are copied once. */
export function printModelInfer(lease: Lease, wanted: readonly WantedOutput[], id: string): Buffer {
  const { model } = lease;
  const tensors = wanted.map(({ index }) => lease.output(index));
  const raw = tensors.map(rawBytes);
  const room = raw.reduce((sum, bytes) => sum + bytes.length + OUTPUT_BYTES, HEAD_BYTES);
  const writer = new ProtobufWriter(room);
  writer.string(1, model.name).string(2, model.version).string(3, id);
  for (const [index, { name }] of wanted.entries()) {
    const tensor = tensors[index];
    if (tensor === undefined) continue;
    writer.message(5, (output) => {
      output.string(1, name).string(2, datatypeOf(tensor.type)).integers(3, tensor.dims);
    });
  }
  for (const bytes of raw) writer.bytes(6, bytes);
  return writer.finish();
}

const rawBytes = (tensor: Tensor): Uint8Array =>
  tensor.type === 'string' ? writeStrings(tensor.data as unknown as string[]) : bytesOf(tensor);

/** A ModelStreamInferResponse; each is the last one to its request. */
export function printStreamed(response: Buffer): Buffer {
  const final = new ProtobufWriter();
  // ModelInferResponse.parameters; messages that follow each other are one.
  final.message(4, (entry) => {
    entry.string(1, 'triton_final_response').message(2, (value) => value.bool(1, true));
  });
  const parameters = final.finish();
  const length = parameters.length + response.length;
  const joined = Buffer.concat([parameters, response], length);
  return new ProtobufWriter(length + 16).bytes(2, joined).finish();
}

/** A ModelStreamInferResponse of a request that failed. */
export function printStreamFailure(id: string, model: string, message: string): Buffer {
  const writer = new ProtobufWriter();
  writer.string(1, message);
  writer.message(2, (response) => response.string(1, model).string(3, id));
  return writer.finish();
}
