import {
  dataTypeBits,
  makeTensor,
  tensorBytes,
  type GraphEditor,
  type TensorProto,
} from '../../formats/onnx';
import { channelLayout } from '../quantize/parameters';
import type { IsKept } from './channel-graph';
import type { CoupledChannels } from './channel-groups';
import type { CouplingWalk } from './couplings';

/** A tensor with some of its elements along an axis. */
function sliced(
  tensor: TensorProto,
  axis: number,
  kept: readonly number[],
  folder: string | undefined,
): TensorProto {
  const { outer, channels, inner } = channelLayout(tensor.dims, axis);
  const bytes = tensorBytes(tensor, folder);
  const row = (inner * (dataTypeBits(tensor.dataType) ?? 8)) / 8;
  const result = new Uint8Array(outer * kept.length * row);
  let offset = 0;
  for (let block = 0; block < outer; block++) {
    for (const channel of kept) {
      const start = (block * channels + channel) * row;
      result.set(bytes.subarray(start, start + row), offset);
      offset += row;
    }
  }
  const dims = tensor.dims.map((size, at) => (at === axis ? kept.length : size));
  return makeTensor(tensor.name ?? '', tensor.dataType ?? 0, dims, result);
}

function declareSize(editor: GraphEditor, name: string, axis: number, size: number): void {
  const info = editor.typeOf(name);
  const shape = info?.type?.tensorType?.shape;
  if (!info || shape?.dim[axis]?.dimValue === undefined) return;
  const changed = structuredClone(info);
  const dim = changed.type?.tensorType?.shape?.dim[axis];
  if (dim) dim.dimValue = size;
  editor.setType(changed);
}

/**
 * Removes channels, and all that is coupled to them, from a graph's constants and what its nodes
 * say of sizes.
 *
 * @returns the channels that each value keeps, by their places before, of values that lose some
 */
export function removeChannels(
  walk: CouplingWalk,
  removed: readonly CoupledChannels[],
  folder?: string,
): ReadonlyMap<string, readonly number[]> {
  const { editor, graph } = walk;
  const gone = new Set(removed.map(({ id }) => id));
  const isKept: IsKept = (id) => !gone.has(graph.find(id));
  const placesOf = (ids: Int32Array): number[] =>
    [...ids.keys()].filter((index) => isKept(ids[index] ?? 0));
  for (const { constant, ids } of graph.constantAxes) {
    const tensor = editor.constant(constant.name);
    const kept = placesOf(ids);
    if (!tensor || kept.length === ids.length) continue;
    editor.setInitializer(constant.name, sliced(tensor, constant.axis, kept, folder));
  }
  for (const adjust of walk.adjustments) adjust(isKept);
  const left = new Map<string, readonly number[]>();
  for (const [value, { axis, ids }] of graph.values) {
    const kept = placesOf(ids);
    if (kept.length === ids.length) continue;
    left.set(value, kept);
    declareSize(editor, value, axis, kept.length);
  }
  return left;
}
