import { OnliteError } from '../../errors';

/**
 * Bytes that are not in memory: a range of a file, or values that are computed when they are
 * written.
 */
export interface TensorSource {
  readonly byteLength: number;
  /** The bytes from the first to the last, anew with each call, in pieces of a few MiB at most. */
  chunks(): Iterable<Uint8Array>;
}

/** Bytes, or where to have them. */
export type Segment = Uint8Array | TensorSource;

/** What is given of bytes in memory at a time. */
const CHUNK_BYTES = 1 << 22;

/**
 * The bytes of segments, piece by piece.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when a source gives more or fewer bytes than it announced
 */
export function* chunksOf(segments: readonly Segment[]): Iterable<Uint8Array> {
  for (const segment of segments) {
    if (segment instanceof Uint8Array) {
      for (let at = 0; at < segment.byteLength; at += CHUNK_BYTES) {
        yield segment.subarray(at, at + CHUNK_BYTES);
      }
    } else {
      yield* exactChunks(segment);
    }
  }
}

function* exactChunks(source: TensorSource): Iterable<Uint8Array> {
  let left = source.byteLength;
  for (const chunk of source.chunks()) {
    left -= chunk.byteLength;
    if (left < 0) break;
    yield chunk;
  }
  if (left !== 0) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `source: expected ${source.byteLength} bytes, got ${left < 0 ? 'more' : `${left} fewer`}`,
    );
  }
}

export function byteLengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** The bytes of segments in one array. */
export function bytesOf(segments: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(byteLengthOf(segments));
  let done = 0;
  for (const chunk of chunksOf(segments)) {
    bytes.set(chunk, done);
    done += chunk.byteLength;
  }
  return bytes;
}
