import { OnliteError } from '../../errors';
import { Flatbuffer } from '../flatbuffer';

// Positions in TFLite's schema.
const SUBGRAPHS = 2;
const OUTPUTS = 2;

/**
 * A model whose primary subgraph has other outputs. The new list stands behind the file's last byte
 * and the subgraph refers to it; everything else stays where it is.
 *
 * @param bytes - a model that `readTfliteModel` takes
 * @param outputs - indices of the subgraph's tensors
 * @throws OnliteError ERR_UNSUPPORTED for a model without outputs, which has no place for the reference.
 */
export function withOutputs(bytes: Uint8Array, outputs: readonly number[]): Uint8Array {
  const [primary] = new Flatbuffer(bytes).root().tables(SUBGRAPHS);
  const field = primary?.field(OUTPUTS);
  if (field === undefined) {
    throw new OnliteError('ERR_UNSUPPORTED', 'a model without outputs cannot be given others');
  }
  const start = Math.ceil(bytes.length / 4) * 4;
  const changed = new Uint8Array(start + 4 * (1 + outputs.length));
  changed.set(bytes);
  const view = new DataView(changed.buffer);
  view.setUint32(field, start - field, true);
  [outputs.length, ...outputs].forEach((value, index) => {
    view.setUint32(start + 4 * index, value, true);
  });
  return changed;
}
