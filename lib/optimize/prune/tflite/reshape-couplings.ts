import type { OperatorT } from '../../../formats/tflite';
import type { Dim } from '../../simplify/value-types';
import { countKept, type Channels } from '../channel-graph';
import { merged, MIXED, UNKNOWN } from '../couplings';
import type { Coupling, TfliteWalk } from './tflite-walk';

/** For each dimension the elements of it and all behind, where these sizes are known. */
function suffixes(dims: readonly Dim[]): (number | undefined)[] {
  const found: (number | undefined)[] = [1];
  for (const size of [...dims].reverse()) {
    const [behind] = found;
    found.unshift(typeof size === 'number' && behind !== undefined ? size * behind : undefined);
  }
  return found;
}

/**
 * Where channels are when a value takes other dimensions: in one that has become of theirs, alone or
 * with others.
 */
export function reshaped(
  channels: Channels,
  from: readonly Dim[],
  to: readonly Dim[],
): Channels | string {
  const { axis } = channels;
  const [old, made] = [suffixes(from), suffixes(to)];
  const same = (a: number | undefined, b: number | undefined): boolean =>
    a !== undefined && a === b;
  for (const target of to.keys()) {
    if (to[target] === 1 && channels.ids.length > 1) continue;
    let first = axis;
    while (first >= 0 && !same(old[first], made[target])) first--;
    let last = axis;
    while (last < from.length && !same(old[last + 1], made[target + 1])) last++;
    if (first < 0 || last >= from.length) continue;
    const all = merged(channels, from, { from: first, to: last });
    return typeof all === 'string' ? all : { ...all, axis: target };
  }
  return MIXED;
}

/** Has a size that a shape says be another; one of −1 is what is left. */
type SetSize = (axis: number, size: number) => void;

/** Where a RESHAPE's shape is: a constant, its options, or numbers that are packed as it runs. */
function shapeOf(operator: OperatorT, walk: TfliteWalk): SetSize | undefined {
  const changed = (sizes: readonly number[], axis: number, size: number): number[] =>
    sizes.map((old, at) => (at === axis && old !== -1 ? size : old));
  const { builtinOptions: options } = operator;
  const own = options?.['newShape'] as readonly number[] | undefined;
  const setOption: SetSize = (axis, size) => {
    if (options && own?.length) options['newShape'] = changed(own, axis, size);
  };
  const shape = operator.inputs[1];
  if (shape === undefined) return own?.length ? setOption : undefined;
  if (walk.integers(shape)) {
    return (axis, size) => {
      walk.setIntegers(operator, 1, changed(walk.integers(operator.inputs[1]) ?? [], axis, size));
      setOption(axis, size);
    };
  }
  const maker = walk.maker(shape);
  if (!maker || walk.editor.operatorName(maker) !== 'PACK') return undefined;
  if (walk.editor.onlyUser(shape) !== operator) return undefined;
  return (axis, size) => {
    const [found] = walk.integers(maker.inputs[axis]) ?? [];
    if (found !== undefined && found !== -1) walk.setIntegers(maker, axis, [size]);
  };
}

/** Whether a shape that is packed as it runs says of a dimension what it is before. */
const isPacked = (operator: OperatorT, walk: TfliteWalk, axis: number): boolean => {
  const maker = walk.maker(operator.inputs[1]);
  return maker !== undefined && walk.integers(maker.inputs[axis]) === undefined;
};

export const reshape: Coupling = (operator, walk) => {
  const [x, y] = [walk.name(operator.inputs[0]), walk.name(operator.outputs[0])];
  const channels = walk.graph.get(x);
  if (!channels) return undefined;
  const [from, to, setSize] = [walk.dims(x), walk.dims(y), shapeOf(operator, walk)];
  if (!from || !to) return UNKNOWN;
  const result = reshaped(channels, from, to);
  if (typeof result === 'string') return result;
  if (!setSize || isPacked(operator, walk, result.axis)) return 'its shape is computed';
  walk.graph.set(y, result);
  walk.adjustments.push((isKept) => {
    setSize(result.axis, countKept(result.ids, isKept));
  });
  return undefined;
};

/** A value's shape, of which no more is taken than how many samples there are. */
export const shapeOfValue: Coupling = ({ inputs, outputs }, walk) => {
  const channels = walk.graph.get(walk.name(inputs[0]));
  if (!channels) return undefined;
  const { operators, outputs: results } = walk.editor.graph;
  const users = operators.filter((operator) => operator.inputs.includes(outputs[0] ?? -1));
  const isFirst = (user: OperatorT): boolean =>
    walk.editor.operatorName(user) === 'STRIDED_SLICE' &&
    isOnly(walk.integers(user.inputs[1]), 0) &&
    isOnly(walk.integers(user.inputs[2]), 1);
  const isOfSamples = users.every(isFirst) && !results.includes(outputs[0] ?? -1);
  return isOfSamples && channels.axis > 0 ? undefined : 'the size of its channels is computed with';
};

const isOnly = (values: readonly number[] | undefined, value: number): boolean =>
  values?.length === 1 && values[0] === value;
