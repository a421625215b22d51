import {
  intAttribute,
  integerValues,
  intsAttribute,
  isStandard,
  setAttribute,
  stringAttribute,
  type GraphEditor,
  type NodeProto,
} from '../../../formats/onnx';
import type { Pass } from '../context';
import { realValuesOf } from '../weights';

/** Constant pads of spatial dims alone, none negative, as [begins…, ends…], and what they hold. */
function spatialPads(
  node: NodeProto,
  editor: GraphEditor,
): { pads: number[]; value: number } | undefined {
  const [, padsInput = '', valueInput = '', axes = ''] = node.input;
  if (axes !== '' || stringAttribute(node, 'mode', 'constant') !== 'constant') return undefined;
  const tensor = editor.constant(padsInput);
  const pads = tensor && integerValues(tensor);
  if (!pads || pads.length < 6 || pads.some((pad) => pad < 0)) return undefined;
  const rank = pads.length / 2;
  if ([0, 1, rank, rank + 1].some((at) => pads[at] !== 0)) return undefined;
  const values = valueInput === '' ? [0] : realValuesOf(editor.constant(valueInput));
  const value = values?.[0];
  if (value === undefined) return undefined;
  return { pads: [...pads.slice(2, rank), ...pads.slice(rank + 2)], value };
}

/** Whether a node's own pads hold this value, so that more of them can be added. */
function takesPads(node: NodeProto, value: number, own: readonly number[]): boolean {
  if (!['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET'))) return false;
  if (isStandard(node, 'Conv')) return value === 0;
  if (isStandard(node, 'MaxPool')) return value === -Infinity;
  if (!isStandard(node, 'AveragePool') || value !== 0) return false;
  // Elements beyond the input count only where the node says so.
  const counts = intAttribute(node, 'count_include_pad', 0) === 1;
  return (counts || own.every((pad) => pad === 0)) && intAttribute(node, 'ceil_mode', 0) === 0;
}

/** Has convolutions and pools pad by themselves. */
export const padFolds: Pass = (editor) => {
  let count = 0;
  for (const node of editor.nodes) {
    if (!isStandard(node, 'Pad')) continue;
    const next = editor.onlyUser(node.output[0]);
    if (!next || next.input[0] !== node.output[0]) continue;
    const found = spatialPads(node, editor);
    if (!found) continue;
    const own = intsAttribute(next, 'pads') ?? found.pads.map(() => 0);
    if (own.length !== found.pads.length || !takesPads(next, found.value, own)) continue;
    // Of a pool ONNX Runtime wants pads smaller than the window.
    const kernel = intsAttribute(next, 'kernel_shape');
    const pads = own.map((pad, at) => pad + (found.pads[at] ?? 0));
    const isPool = !isStandard(next, 'Conv');
    if (isPool && pads.some((pad, at) => pad >= (kernel?.[at % kernel.length] ?? 0))) continue;
    setAttribute(next, 'pads', pads.map(BigInt));
    if (stringAttribute(next, 'auto_pad', 'NOTSET') !== 'NOTSET') {
      setAttribute(next, 'auto_pad', 'NOTSET');
    }
    if (isStandard(next, 'AveragePool')) setAttribute(next, 'count_include_pad', 1n);
    editor.bypass(node);
    count++;
  }
  return count;
};
