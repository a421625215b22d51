/** A dimension's size, or the name of one that is dynamic. */
type Dim = number | string;

/**
 * How the elements of one shape lie in another: in the same order, or with the channels (axis 1 of
 * ONNX's convolutions, the last of TensorFlow Lite's) moved to the end or to axis 1.
 */
export type Layout = 'same' | 'channels-last' | 'channels-first';

const fits = (a: Dim | undefined, b: Dim | undefined): boolean =>
  typeof a !== 'number' || typeof b !== 'number' || a === b;

const allFit = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, axis) => fits(dim, b[axis]));

const withoutOnes = (dims: readonly Dim[]): readonly Dim[] => dims.filter((dim) => dim !== 1);

/** [n, c, …] as [n, …, c]. */
const channelsLast = ([batch = 1, channels = 1, ...space]: readonly Dim[]): Dim[] => [
  batch,
  ...space,
  channels,
];

/** The layout that undoes another. */
export const INVERSE: Readonly<Record<Layout, Layout>> = {
  same: 'same',
  'channels-last': 'channels-first',
  'channels-first': 'channels-last',
};

const fitsBy: Readonly<Record<Layout, (from: readonly Dim[], to: readonly Dim[]) => boolean>> = {
  same: (from, to) => allFit(from, to) || allFit(withoutOnes(from), withoutOnes(to)),
  'channels-last': (from, to) => from.length >= 3 && allFit(channelsLast(from), to),
  'channels-first': (from, to) => to.length >= 3 && allFit(from, channelsLast(to)),
};

/**
 * How to bring a tensor of the dims `from` into the dims `to`; undefined where they hold other
 * values. Dims of size 1 may be more or fewer; a dynamic dim is of any size.
 *
 * @param likely - tried first: of [1,4,4,4] the dims do not say
 */
export function layoutOf(
  from: readonly Dim[],
  to: readonly Dim[],
  likely: Layout = 'same',
): Layout | undefined {
  const layouts = [likely, 'same', 'channels-last', 'channels-first'] as const;
  return layouts.find((layout) => fitsBy[layout](from, to));
}

/** Values of the dims `dims` in another layout. */
export function rearrange<Values extends Float32Array | Float64Array>(
  values: Values,
  dims: readonly number[],
  layout: Layout,
): Values {
  if (layout === 'same') return values;
  const [batches = 1] = dims;
  const channels = dims[layout === 'channels-last' ? 1 : dims.length - 1] ?? 1;
  const space = values.length / batches / channels;
  const [rows, columns] = layout === 'channels-last' ? [channels, space] : [space, channels];
  const moved = values.slice() as Values;
  for (let batch = 0; batch < batches; batch++) {
    const start = batch * rows * columns;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        moved[start + column * rows + row] = values[start + row * columns + column] ?? NaN;
      }
    }
  }
  return moved;
}
