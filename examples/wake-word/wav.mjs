import { readFile, stat } from 'node:fs/promises';

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
// What follows the format's two bytes in the sub-format identifier of an extensible header.
const SUBFORMAT_TAIL = '000000001000800000aa00389b71';

/** The file is not a recording that the example can listen to; the message says why. */
export class WavError extends Error {
  name = 'WavError';
}

/** Reads a 16 kHz mono 16-bit PCM file; returns its samples as floats from -1 to 1. */
export async function readWav(path) {
  try {
    if (!(await stat(path)).isFile()) throw new WavError('not a file');
    return parseWav(await readFile(path));
  } catch (error) {
    if (error.code === 'ENOENT') throw new WavError(`${path}: no such file`);
    throw new WavError(`${path}: ${error.message}`, { cause: error });
  }
}

/**
 * Reads the RIFF chunks in the order they lie. The length in the RIFF header is not looked at:
 * programs that write to a pipe cannot know it. The length of each chunk is.
 */
function parseWav(bytes) {
  const isTag = (offset, tag) => bytes.toString('latin1', offset, offset + 4) === tag;
  if (bytes.length < 12 || !isTag(0, 'RIFF') || !isTag(8, 'WAVE')) {
    throw new WavError('not a WAV file');
  }
  let hasFormat = false;
  for (let offset = 12; offset + 8 <= bytes.length;) {
    const size = bytes.readUInt32LE(offset + 4);
    const start = offset + 8;
    const left = bytes.length - start;
    if (isTag(offset, 'fmt ')) {
      checkFormat(bytes.subarray(start, start + Math.min(size, left)));
      hasFormat = true;
    } else if (isTag(offset, 'data')) {
      if (!hasFormat) throw new WavError('damaged: no fmt chunk before the data chunk');
      if (size > left) {
        throw new WavError(`truncated: the data chunk has ${left} of ${size} bytes`);
      }
      if (size === 0) throw new WavError('holds no samples');
      if (size % 2 !== 0) throw new WavError('damaged: the data chunk ends in half a sample');
      return Float32Array.from({ length: size / 2 }, (_, i) => {
        return bytes.readInt16LE(start + 2 * i) / 32768;
      });
    }
    offset = start + size + (size % 2); // chunks begin at even offsets
  }
  throw new WavError('truncated: no data chunk');
}

function checkFormat(chunk) {
  if (chunk.length < 16) throw new WavError('damaged: the fmt chunk is shorter than 16 bytes');
  let format = chunk.readUInt16LE(0);
  const channels = chunk.readUInt16LE(2);
  const sampleRate = chunk.readUInt32LE(4);
  const frameBytes = chunk.readUInt16LE(12);
  const bits = chunk.readUInt16LE(14);
  if (format === EXTENSIBLE) {
    if (chunk.length < 40) throw new WavError('damaged: the extensible fmt chunk is cut short');
    if (chunk.toString('hex', 26, 40) === SUBFORMAT_TAIL) format = chunk.readUInt16LE(24);
  }
  if (format !== PCM || bits !== 16) {
    const found = { [PCM]: 'PCM', [FLOAT]: 'float' }[format] ?? `format 0x${format.toString(16)}`;
    throw new WavError(`expected 16-bit PCM, got ${bits}-bit ${found}`);
  }
  if (channels !== 1) throw new WavError(`expected 1 channel, got ${channels}`);
  if (sampleRate !== 16000) throw new WavError(`expected 16000 Hz, got ${sampleRate} Hz`);
  if (frameBytes !== 2) throw new WavError(`damaged: ${frameBytes} bytes a sample, expected 2`);
}
