import { channelLayout } from '../quantize/parameters';

/**
 * The bytes of a tensor with some of its elements along an axis.
 *
 * @param tensor - its dimensions, and the bytes of an element
 */
export function slicedBytes(
  bytes: Uint8Array,
  { dims, width }: { readonly dims: readonly number[]; readonly width: number },
  axis: number,
  kept: readonly number[],
): Uint8Array<ArrayBuffer> {
  const { outer, channels, inner } = channelLayout(dims, axis);
  const row = inner * width;
  const result = new Uint8Array(outer * kept.length * row);
  let offset = 0;
  for (let block = 0; block < outer; block++) {
    for (const channel of kept) {
      const start = (block * channels + channel) * row;
      result.set(bytes.subarray(start, start + row), offset);
      offset += row;
    }
  }
  return result;
}
