import { randomNumbers } from '../../bench/random';

/** Draws of the standard normal distribution, the same for the same seed (Box and Muller, 1958). */
export function normalNumbers(seed: number): () => number {
  const uniform = randomNumbers(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The mean and the standard deviation of numbers, without those that are not finite. */
export function spreadOf(values: Iterable<number>): { mean: number; deviation: number } {
  let [count, mean, squares] = [0, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    count++;
    const distance = value - mean;
    mean += distance / count;
    squares += distance * (value - mean);
  }
  return { mean, deviation: count === 0 ? 0 : Math.sqrt(squares / count) };
}

/** Where an image's pixels are in a row. */
export interface PixelLayout {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Whether a pixel's channels lie beside each other. */
  readonly channelsLast: boolean;
}

/** An image moved by pixels to the right and down; what comes in at an edge is the edge again. */
export function shifted(
  row: Float64Array,
  { width, height, channels, channelsLast }: PixelLayout,
  right: number,
  down: number,
): Float64Array {
  const moved = new Float64Array(row.length);
  const inside = (place: number, size: number): number => Math.min(Math.max(place, 0), size - 1);
  const at = (x: number, y: number, channel: number): number =>
    channelsLast ? (y * width + x) * channels + channel : (channel * height + y) * width + x;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromX, fromY] = [inside(x - right, width), inside(y - down, height)];
      for (let channel = 0; channel < channels; channel++) {
        moved[at(x, y, channel)] = row[at(fromX, fromY, channel)] ?? NaN;
      }
    }
  }
  return moved;
}
