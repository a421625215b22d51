import { expect, it } from 'vitest';

import {
  GraphEditor,
  intAttribute,
  makeFloats,
  OnnxDataType,
  readOnnxModel,
  tensorValues,
  writeOnnxModel,
} from '../../../../lib/formats/onnx';
import { difference } from '../../../../lib/optimize/measures/difference';
import {
  channelGroups,
  leastImportant,
  type CoupledChannels,
} from '../../../../lib/optimize/prune/channel-groups';
import { OnnxWalk } from '../../../../lib/optimize/prune/onnx/onnx-walk';
import { removeChannels } from '../../../../lib/optimize/prune/remove-channels';
import { inferTypes } from '../../../../lib/optimize/simplify/value-types';
import { outputsOf } from '../quantize/float-model';
import { INPUT_DIMS, RandomNetwork } from './random-network';

/** The dimension of a layer's weights along which it takes channels; none of grouped ones. */
const INPUT_AXES: Record<string, (transposed: boolean) => number> = {
  Conv: () => 1,
  Gemm: (transposed) => (transposed ? 1 : 0),
  MatMul: () => 0,
};

/** Has all layers take zeros instead of the removed channels. */
function masked(bytes: Uint8Array, removed: readonly CoupledChannels[]): Uint8Array {
  const editor = new GraphEditor(readOnnxModel(bytes));
  const elements = removed.flatMap((member) => member.elements);
  for (const node of editor.nodes) {
    const axisOf = INPUT_AXES[node.opType!];
    const name = node.input[1]!;
    const tensor = editor.constant(name);
    if (!axisOf || !tensor || intAttribute(node, 'group', 1) > 1) continue;
    const axis = axisOf(intAttribute(node, 'transB', 0) === 1);
    const own = elements.filter(({ constant }) => constant.name === name && constant.axis === axis);
    const gone = new Set(own.map(({ index }) => index));
    const inner = tensor.dims.slice(axis + 1).reduce((all, dim) => all * dim, 1);
    const values = tensorValues(tensor, OnnxDataType.FLOAT).map((value, index) =>
      gone.has(Math.floor(index / inner) % tensor.dims[axis]!) ? 0 : value,
    );
    editor.setInitializer(name, makeFloats(name, values, tensor.dims));
  }
  return writeOnnxModel(editor.commit());
}

it('removes coupled channels of random networks as if nothing took them', async () => {
  let smaller = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const bytes = writeOnnxModel(new RandomNetwork(seed).model(4 + (seed % 12)));
    const model = readOnnxModel(bytes);
    const { types, failed } = await inferTypes(model, { logSeverityLevel: 4 });
    expect(failed, `seed ${seed}`).toEqual([]);
    const editor = new GraphEditor(model);
    const walk = new OnnxWalk(editor, types(model.graph!));
    const removed = leastImportant(channelGroups(walk), walk, {
      norm: seed % 2 === 0 ? 'l1' : 'l2',
      scope: seed % 3 === 0 ? 'layer' : 'global',
      sparsity: 0.2 + (seed % 5) * 0.17,
      multiple: 1,
    });
    removeChannels(walk, removed);
    const pruned = writeOnnxModel(editor.commit());
    const expected = await outputsOf(masked(bytes, removed), INPUT_DIMS);
    const found = await outputsOf(pruned, INPUT_DIMS);
    expect(found.length, `seed ${seed}`).toBe(expected.length);
    expect(difference(expected, found).sqnr, `seed ${seed}`).toBeGreaterThan(80);
    if (pruned.byteLength < bytes.byteLength) smaller++;
  }
  expect(smaller).toBeGreaterThan(40);
});
