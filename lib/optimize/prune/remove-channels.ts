import type { IsKept } from './channel-graph';
import type { CoupledChannels } from './channel-groups';
import type { CouplingWalk } from './coupling-walk';

/**
 * Removes channels, and all that is coupled to them, from a graph's constants and what its operators
 * say of sizes.
 *
 * @returns the channels that each value keeps, by their places before, of values that lose some
 */
export function removeChannels(
  walk: CouplingWalk,
  removed: readonly CoupledChannels[],
): ReadonlyMap<string, readonly number[]> {
  const { graph } = walk;
  const gone = new Set(removed.map(({ id }) => id));
  const isKept: IsKept = (id) => !gone.has(graph.find(id));
  const placesOf = (ids: Int32Array): number[] =>
    [...ids.keys()].filter((index) => isKept(ids[index] ?? 0));
  for (const { constant, ids } of graph.constantAxes) {
    const kept = placesOf(ids);
    if (kept.length < ids.length) walk.slice(constant, kept);
  }
  for (const adjust of walk.adjustments) adjust(isKept);
  const left = new Map<string, readonly number[]>();
  for (const [value, { axis, ids }] of graph.values) {
    const kept = placesOf(ids);
    if (kept.length === ids.length) continue;
    left.set(value, kept);
    walk.declareSize(value, axis, kept.length);
  }
  return left;
}
