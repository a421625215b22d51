import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';
import { BatchedModel, type ExplainOptions, type ModelFunction } from './explain-options';

export interface OcclusionOptions extends ExplainOptions {
  readonly width: number;
  readonly height: number;
  /** Default 1. */
  readonly channels?: number;
  /** Whether a pixel's channels lie beside each other (NHWC) or apart (NCHW). Default false. */
  readonly channelsLast?: boolean;
  /** The covered square's side, in pixels. Default an eighth of the shorter side, 1 at least. */
  readonly patch?: number;
  /** How far the square moves. Default: half its side, 1 at least. */
  readonly stride?: number;
  /** What it is filled with. Default 0. */
  readonly fill?: number;
  /** The output whose score is followed. Default: the greatest. */
  readonly output?: number;
}

export interface OcclusionMap {
  readonly output: number;
  readonly score: number;
  readonly width: number;
  readonly height: number;
  /** By pixel, row by row: how much the score falls on average when the pixel is covered. */
  readonly losses: Float64Array;
}

/** The squares' first pixels along a side: the last one ends where the side does. */
function starts(side: number, patch: number, stride: number): number[] {
  const last = Math.max(0, side - patch);
  const found: number[] = [];
  for (let at = 0; at < last; at += stride) found.push(at);
  return [...found, last];
}

/**
 * Which parts of an image a score depends on: a square covers one part after the other, and what
 * the score loses is given to the covered pixels (Zeiler and Fergus, Visualizing and understanding
 * convolutional networks, 2014, §4.2).
 *
 * @param image - as the model takes it, row by row
 * @throws OnliteError ERR_INVALID_ARGUMENT for sizes that do not agree; ERR_CANCELLED by the signal.
 */
export async function occlusionMap(
  model: ModelFunction,
  image: Float64Array,
  options: OcclusionOptions,
): Promise<OcclusionMap> {
  const { width, height, channels = 1, channelsLast = false, fill = 0 } = options;
  const patch = options.patch ?? Math.max(1, Math.floor(Math.min(width, height) / 8));
  const stride = options.stride ?? Math.max(1, Math.floor(patch / 2));
  for (const [value, path] of [
    [width, 'width'],
    [height, 'height'],
    [channels, 'channels'],
    [patch, 'patch'],
    [stride, 'stride'],
  ] as const) {
    requireCount(value, path);
  }
  if (image.length !== width * height * channels) {
    throw invalidArgument('image', `${width * height * channels} numbers`, image);
  }
  const squares = starts(height, patch, stride).flatMap((top) =>
    starts(width, patch, stride).map((left) => ({ top, left })),
  );
  const place = (x: number, y: number, channel: number): number =>
    channelsLast ? (y * width + x) * channels + channel : (channel * height + y) * width + x;
  const pixels = function* ({
    top,
    left,
  }: {
    top: number;
    left: number;
  }): Generator<[number, number]> {
    for (let y = top; y < Math.min(top + patch, height); y++) {
      for (let x = left; x < Math.min(left + patch, width); x++) yield [x, y];
    }
  };
  const asked = new BatchedModel(model, options, squares.length + 1);
  const [whole = new Float64Array()] = await asked.ask([image]);
  const output = options.output ?? whole.indexOf(Math.max(...whole));
  const score = whole[output];
  if (score === undefined)
    throw invalidArgument('output', `an index below ${whole.length}`, output);
  const covered = squares.map((square) => {
    const copy = Float64Array.from(image);
    for (const [x, y] of pixels(square)) {
      for (let channel = 0; channel < channels; channel++) copy[place(x, y, channel)] = fill;
    }
    return copy;
  });
  const answers = await asked.ask(covered);
  const sums = new Float64Array(width * height);
  const counts = new Float64Array(width * height);
  for (const [index, square] of squares.entries()) {
    const loss = score - (answers[index]?.[output] ?? NaN);
    for (const [x, y] of pixels(square)) {
      sums[y * width + x] = (sums[y * width + x] ?? 0) + loss;
      counts[y * width + x] = (counts[y * width + x] ?? 0) + 1;
    }
  }
  return { output, score, width, height, losses: sums.map((sum, at) => sum / (counts[at] ?? 1)) };
}
