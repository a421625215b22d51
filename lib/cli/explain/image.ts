import type { SessionModel } from '../../watch/explain/session-model';
import { channelsOf } from '../../watch/rows/feature-reader';
import type { ImageShape } from './document';

/** An only input of the dims of an image. */
export function imageOf({ inputs }: SessionModel): ImageShape | undefined {
  const [only, second] = inputs;
  if (!only || second) return undefined;
  const found = channelsOf(only.dims);
  if (!found) return undefined;
  const { channels, isLast } = found;
  const [first = 1, middle = 1, last = 1] = only.dims;
  const [height, width] = isLast ? [first, middle] : [middle, last];
  return height > 1 && width > 1 ? { width, height, channels, channelsLast: isLast } : undefined;
}
