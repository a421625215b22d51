import { randomNumbers } from '../../bench/random';
import { countBelow, firstWhere } from './ascending';
import type { RunSums } from './run-sums';

const SEED = 1;

/** Numbers between two neighbouring means, or beside the outermost one. */
interface Gap {
  readonly first: number;
  readonly end: number;
  readonly left?: number;
  readonly right?: number;
}

/** A gap and, once a mean is in it, the two that it has become. */
interface Node extends Gap {
  /** The sum of the squared distances to the nearest mean. */
  weight: number;
  parts?: readonly [Node, Node];
}

/** The index behind the numbers of a gap that are nearer to the mean on its left. */
function middle({ values }: RunSums, { first, end, left, right }: Gap): number {
  if (left === undefined) return first;
  if (right === undefined) return end;
  return first + countBelow(values, (left + right) / 2, { from: first, to: end });
}

function nodeOf(sums: RunSums, gap: Gap): Node {
  const { first, end, left = 0, right = 0 } = gap;
  const between = middle(sums, gap);
  const weight =
    sums.squaredDistances(first, between, left) + sums.squaredDistances(between, end, right);
  return { ...gap, weight };
}

function split(sums: RunSums, node: Node, index: number): void {
  const { first, end, left, right } = node;
  const mean = sums.values[index] ?? 0;
  node.parts = [
    nodeOf(sums, { first, end: index, ...(left === undefined ? {} : { left }), right: mean }),
    nodeOf(sums, { first: index + 1, end, left: mean, ...(right === undefined ? {} : { right }) }),
  ];
}

/** The number of a gap up to which the squared distances are more than `share` together. */
function pick(sums: RunSums, gap: Gap, share: number): number {
  const { first, end, left = 0, right = 0 } = gap;
  const between = middle(sums, gap);
  const upTo = (index: number): number =>
    sums.squaredDistances(first, Math.min(between, index + 1), left) +
    sums.squaredDistances(between, Math.max(between, index + 1), right);
  return Math.min(
    end - 1,
    firstWhere(first, end, (index) => upTo(index) > share),
  );
}

/**
 * Numbers taken at random to be the first means of k-means, each by the square of its distance to the
 * nearest of those before (k-means++). A new mean changes no more than the gap that it is in, and
 * prefix sums say what a gap weighs: a mean takes time of the order of the logarithm.
 *
 * @returns in ascending order; fewer than `count` where there are no more different numbers
 */
export function meansApart(sums: RunSums, count: number): Float64Array {
  const random = randomNumbers(SEED);
  const { values } = sums;
  const root: Node = { first: 0, end: values.length, weight: 1 };
  const means: number[] = [];
  let index = Math.floor(random() * values.length);
  let path = [root];
  for (;;) {
    means.push(values[index] ?? 0);
    const last = path.at(-1);
    if (last) split(sums, last, index);
    for (const node of path.reverse()) {
      node.weight = (node.parts ?? []).reduce((sum, { weight }) => sum + weight, 0);
    }
    if (means.length === count || !(root.weight > 0)) break;
    let share = random() * root.weight;
    path = [root];
    let node = root;
    while (node.parts) {
      const [before, behind] = node.parts;
      const isBefore = share < before.weight || behind.weight === 0;
      if (!isBefore) share -= before.weight;
      node = isBefore ? before : behind;
      path.push(node);
    }
    index = pick(sums, node, share);
  }
  return Float64Array.from(means).sort();
}
