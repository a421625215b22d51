// What the programs are given. A program is copied with this file and the recording.
import { readFileSync } from 'node:fs';

/** 44 bytes of RIFF header, then 16-bit samples. */
const headerBytes = 44;

/** Ten seconds of speech and silence, 16 kHz, one channel, -1 to 1. */
export function recording() {
  const file = readFileSync(new URL('recording.wav', import.meta.url));
  const samples = new Int16Array(file.buffer.slice(file.byteOffset + headerBytes));
  return Float32Array.from(samples, (sample) => sample / 0x8000);
}

/** Yields whole frames; what is left over at the end is not one. */
export function* frames(samples, length) {
  for (let start = 0; start + length <= samples.length; start += length) {
    yield samples.slice(start, start + length);
  }
}
