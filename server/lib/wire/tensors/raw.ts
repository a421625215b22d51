import type { Lease, ServedModel, Signature } from '../../models';
import { badRequest } from '../errors';
import type { Body } from '../request';
import { elementBytes } from './element-bytes';
import { bytesOf, checkBooleans, setStrings } from './memory';
import { decodeText } from './text';

/**
 * A body that is one raw tensor: for the one input of a model, with one dynamic dimension at most, which
 * the size tells. An input of strings takes all of it as one element.
 */
export function feedRaw(model: ServedModel, signature: Signature, body: Body): Lease {
  const [metadata, second] = signature.inputs;
  if (metadata === undefined || second !== undefined) {
    throw badRequest(
      '',
      `a raw body is for a model of one input, '${model.name}' has ${signature.inputs.length}`,
    );
  }
  const fixed = metadata.shape.filter((dim): dim is number => typeof dim === 'number');
  const isOpen = metadata.shape.length - fixed.length;
  if (isOpen > 1) {
    throw badRequest(
      '',
      `a raw body is for an input with one dynamic dimension at most, '${metadata.name}' has ${isOpen}`,
    );
  }
  const known = fixed.reduce((product, dim) => product * dim, 1);
  const bytes = elementBytes(metadata.type);
  const count = bytes === undefined ? 1 : body.length / bytes;
  const open = count / known;
  const fits = isOpen === 1 ? known > 0 && Number.isInteger(open) : count === known;
  if (!fits || body.length === 0) {
    const wanted = metadata.shape.map((dim) => (typeof dim === 'number' ? dim : -1)).join(',');
    throw badRequest(
      '',
      `the body's ${body.length} bytes do not fit '${metadata.name}', ${metadata.type} [${wanted}]`,
    );
  }
  const shape = metadata.shape.map((dim) => (typeof dim === 'number' ? dim : open));
  const lease = model.lease(signature, [shape]);
  try {
    const tensor = lease.input(0);
    if (metadata.type === 'string') setStrings(tensor, [decodeText(body.bytes(), metadata.name)]);
    else {
      body.copyTo(bytesOf(tensor), 0);
      if (metadata.type === 'bool') checkBooleans(bytesOf(tensor), metadata.name);
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}
