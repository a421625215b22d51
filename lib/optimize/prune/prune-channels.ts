import type { SessionOptions } from '../../engine/session/session-options';
import type { GraphEditor } from '../../formats/onnx';
import { nodeLabel } from '../quantize/decision';
import { inferTypes } from '../simplify/value-types';
import {
  channelGroups,
  leastImportant,
  type ChannelGroup,
  type ChannelOptions,
} from './channel-groups';
import { CouplingWalk } from './couplings';
import { countProducts } from './products';
import { removeChannels } from './remove-channels';
import { weightTensors, type WeightTensor } from './weight-matrix';

/** Channels of layers that can only be removed together. */
export interface PrunedChannels {
  /** The layers that make or take them, by name. */
  readonly layers: readonly string[];
  readonly before: number;
  readonly after: number;
  /** Why all of them stay, where they do. */
  readonly reason?: string;
}

/** What became of a graph's channels. */
export interface RemovedChannels {
  readonly channels: readonly PrunedChannels[];
  /** The channels that each value keeps, by their places before, of values that lose some. */
  readonly kept: ReadonlyMap<string, readonly number[]>;
  /** Multiplications of a sample, before and after; where the sizes of all layers are known. */
  readonly products?: readonly [before: number, after: number];
}

interface RemovalOptions {
  /** Nodes by name (or first output) whose weights stay. */
  readonly exclude: ReadonlySet<string>;
  readonly session?: SessionOptions;
}

/** Removes the channels of least importance from a graph, with all that is coupled to them. */
export async function pruneChannels(
  editor: GraphEditor,
  options: ChannelOptions,
  { exclude, session = {} }: RemovalOptions,
): Promise<RemovedChannels> {
  const { types: typesOf } = await inferTypes(editor.commit(), session);
  const types = typesOf(editor.graph);
  const walk = new CouplingWalk(editor, types);
  for (const node of editor.nodes) {
    if (!exclude.has(nodeLabel(node))) continue;
    for (const name of node.input) walk.keep(name, `'${nodeLabel(node)}' is excluded`);
  }
  const groups = channelGroups(walk);
  const removed = leastImportant(groups, walk, options);
  const weights = weightTensors(editor);
  const before = countProducts(editor, types);
  const kept = removeChannels(walk, removed, options.folder);
  const after = countProducts(editor, types);
  const gone = new Set(removed);
  return {
    channels: groups
      .filter((group) => isMade(group, weights))
      .map((group) => {
        const count = group.members.filter((member) => gone.has(member)).length;
        return describe(group, layersOf(group, weights), count);
      }),
    kept,
    ...(before === undefined || after === undefined ? {} : { products: [before, after] as const }),
  };
}

/** Whether a group is of channels that a layer makes: not of inputs, nor of a kernel's taps. */
const isMade = ({ axes }: ChannelGroup, weights: readonly WeightTensor[]): boolean =>
  axes.some(({ name, axis }) =>
    weights.some((layer) => layer.name === name && layer.outputAxis === axis),
  );

const layersOf = ({ axes }: ChannelGroup, weights: readonly WeightTensor[]): string[] => {
  const names = new Set(axes.map(({ name }) => name));
  const own = weights.filter(({ name }) => names.has(name));
  return own.flatMap(({ nodes }) => nodes.map((node) => nodeLabel(node)));
};

function describe(
  { members, pinned }: ChannelGroup,
  layers: readonly string[],
  removed: number,
): PrunedChannels {
  const before = members.length;
  const reason = pinned === undefined ? {} : { reason: pinned };
  return { layers, before, after: before - removed, ...reason };
}
