import { createHash } from 'node:crypto';

import {
  chunksOf,
  OnnxDataType,
  tensorBytes,
  tensorData,
  type TensorProto,
} from '../../../formats/onnx';
import type { Pass } from '../context';

/** The first of a tensor's bytes, which say of most weights that they are not the same. */
function beginning(tensor: TensorProto): string {
  const [chunk] = chunksOf([tensorData(tensor)]);
  return Buffer.from((chunk ?? new Uint8Array()).subarray(0, 64)).toString('base64');
}

/** Keeps one of several equal constants. */
export const sharedInitializers: Pass = (editor) => {
  const alike = new Map<string, TensorProto[]>();
  for (const tensor of editor.initializers) {
    const { name = '', dataType, dims } = tensor;
    if (dataType === OnnxDataType.STRING || editor.isInput(name) || editor.isOutput(name)) continue;
    const key = `${dataType}:${dims.join()}:${beginning(tensor)}`;
    const others = alike.get(key);
    if (others) others.push(tensor);
    else alike.set(key, [tensor]);
  }
  let count = 0;
  for (const tensors of alike.values()) {
    // The bytes of a tensor like which there is no other need not be read.
    if (tensors.length === 1) continue;
    const kept = new Map<string, string>();
    for (const tensor of tensors) {
      const { name = '' } = tensor;
      const hash = createHash('sha256').update(tensorBytes(tensor)).digest('base64');
      const same = kept.get(hash);
      if (same === undefined) kept.set(hash, name);
      else if (editor.users(name).length > 0) {
        editor.replaceUses(name, same);
        count++;
      }
    }
  }
  return count;
};
