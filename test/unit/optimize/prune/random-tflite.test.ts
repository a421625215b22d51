import { expect, it } from 'vitest';

import { InferenceSession } from '../../../../lib/engine/session/session';
import { Tensor } from '../../../../lib/engine/tensor/tensor';
import { readTflite, SubgraphEditor, writeTflite } from '../../../../lib/formats/tflite';
import { difference } from '../../../../lib/optimize/measures/difference';
import {
  channelGroups,
  leastImportant,
  type CoupledChannels,
} from '../../../../lib/optimize/prune/channel-groups';
import { removeChannels } from '../../../../lib/optimize/prune/remove-channels';
import { TfliteWalk } from '../../../../lib/optimize/prune/tflite/tflite-walk';
import { numbers } from '../quantize/tflite/network';
import { INPUT_SHAPE, RandomTflite } from './random-tflite';

/** The dimension of a layer's weights along which it takes channels. */
const INPUT_AXES: Record<string, number> = { CONV_2D: 3, FULLY_CONNECTED: 1, TRANSPOSE_CONV: 3 };

/** Has all layers take zeros instead of the removed channels. */
function masked(bytes: Uint8Array, removed: readonly CoupledChannels[]): Uint8Array {
  const editor = new SubgraphEditor(readTflite(bytes));
  const elements = removed.flatMap((member) => member.elements);
  for (const operator of editor.graph.operators) {
    const axis = INPUT_AXES[editor.operatorName(operator)];
    const index = operator.inputs[1];
    const { name, shape = [] } = editor.tensor(index) ?? {};
    const values = axis === undefined ? undefined : editor.constantFloats(index);
    if (!values) continue;
    const own = elements.filter(({ constant }) => constant.name === name && constant.axis === axis);
    const gone = new Set(own.map((element) => element.index));
    const size = shape.at(-1)!;
    editor.replaceFloats(
      operator,
      1,
      values.map((value, at) => (gone.has(at % size) ? 0 : value)),
    );
  }
  return writeTflite(editor.model);
}

async function outputsOf(bytes: Uint8Array): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes);
  const results: number[] = [];
  for (const seed of [1, 2, 3]) {
    const x = new Tensor('float32', numbers(6 * 6 * 3, seed), [...INPUT_SHAPE]);
    const outputs = await session.run({ x });
    for (const name of session.outputNames) {
      results.push(...((outputs[name] as Tensor).data as Float32Array));
    }
  }
  await session.release();
  return Float32Array.from(results);
}

it('removes coupled channels of random networks as if nothing took them', async () => {
  let smaller = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const bytes = writeTflite(new RandomTflite(seed).model(4 + (seed % 12)));
    const editor = new SubgraphEditor(readTflite(bytes));
    const walk = new TfliteWalk(editor);
    const removed = leastImportant(channelGroups(walk), walk, {
      norm: seed % 2 === 0 ? 'l1' : 'l2',
      scope: seed % 3 === 0 ? 'layer' : 'global',
      sparsity: 0.2 + (seed % 5) * 0.17,
      multiple: 1,
    });
    const before = walk.countProducts()!;
    removeChannels(walk, removed);
    const pruned = writeTflite(editor.model);
    const expected = await outputsOf(masked(bytes, removed));
    const found = await outputsOf(pruned);
    expect(found.length, `seed ${seed}`).toBe(expected.length);
    expect(difference(expected, found).sqnr, `seed ${seed}`).toBeGreaterThan(80);
    if (walk.countProducts()! < before) smaller++;
  }
  expect(smaller).toBeGreaterThan(60);
});
