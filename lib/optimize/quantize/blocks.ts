import { invalidArgument } from '../../errors';
import { columnRanges, type ChannelRanges } from './parameters';

/** How the rows of a MatMul's weight are quantised, a block of each column at a time. */
export interface BlockOptions {
  readonly bits: 4 | 8;
  /** Rows of a block: a power of two from 16 on. */
  readonly blockSize: number;
  /** Without zero points: the greatest magnitude is the least integer. */
  readonly symmetric: boolean;
}

/** A weight [K, N] in blocks; two values a byte where they have 4 bits, the first in the low ones. */
export interface QuantizedBlocks {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  /** Absent where symmetric. */
  readonly zeroPoints?: Uint8Array<ArrayBuffer>;
}

/** The integers that values become. */
interface Levels {
  readonly least: number;
  readonly most: number;
  /** What 0 becomes where symmetric. */
  readonly middle: number;
}

const unsigned = (bits: number): Levels => ({
  least: 0,
  most: 2 ** bits - 1,
  middle: 2 ** (bits - 1),
});
const signed = (bits: number): Levels => ({
  least: -(2 ** (bits - 1)),
  most: 2 ** (bits - 1) - 1,
  middle: 0,
});

/** Scale and zero point of each column in a block of rows. */
interface BlockParameters {
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
}

function requireBlocks(values: Float32Array, k: number, n: number, options: BlockOptions): void {
  const { bits, blockSize } = options;
  if (values.length !== k * n) throw invalidArgument('values', `${k} × ${n} values`, values.length);
  if ((bits as number) !== 4 && (bits as number) !== 8) {
    throw invalidArgument('bits', '4 or 8', bits);
  }
  if (!(blockSize >= 16) || !Number.isInteger(Math.log2(blockSize))) {
    throw invalidArgument('blockSize', 'a power of two from 16 on', blockSize);
  }
}

/** As MLAS's BlockwiseQuantizer: min to max in all levels, or the greatest magnitude to the least. */
function blockParameters(
  { minima, maxima }: ChannelRanges,
  symmetric: boolean,
  { least, most, middle }: Levels,
): BlockParameters {
  const scales = new Float32Array(minima.length);
  const zeroPoints = new Uint8Array(minima.length).fill(middle);
  for (let column = 0; column < minima.length; column++) {
    const [min, max] = [minima[column] ?? 0, maxima[column] ?? 0];
    if (symmetric) {
      scales[column] = (max > -min ? max : min) / (least - middle);
      continue;
    }
    const scale = Math.fround(Math.fround(max - min) / (most - least));
    scales[column] = scale;
    const zeroPoint = scale === 0 ? 0 : Math.fround(-min / scale);
    zeroPoints[column] = Math.min(Math.floor(zeroPoint + 0.5), most);
  }
  return { scales, zeroPoints };
}

/** Quantises rows: by the scale's inverse and halves away from 0, as MLAS. */
function quantizeRows(
  values: Float32Array,
  n: number,
  rows: { readonly start: number; readonly end: number },
  { scales, zeroPoints }: BlockParameters,
  { least, most }: Levels,
): Uint8Array<ArrayBuffer> {
  const inverses = scales.map((scale) => (scale === 0 ? 0 : 1 / scale));
  const result = new Uint8Array((rows.end - rows.start) * n);
  let index = rows.start * n;
  for (let to = 0; to < result.length;) {
    for (let column = 0; column < n; column++, index++, to++) {
      const exact = (values[index] ?? 0) * (inverses[column] ?? 0) + (zeroPoints[column] ?? 0);
      const level = Math.fround(exact);
      const rounded = level < 0 ? Math.ceil(level - 0.5) : Math.floor(level + 0.5);
      result[to] = rounded < least ? least : rounded > most ? most : rounded;
    }
  }
  return result;
}

/** A block of rows. */
interface QuantizedRows extends BlockParameters {
  readonly block: number;
  /** [rows, N]; negative ones in two's complement. */
  readonly levels: Uint8Array<ArrayBuffer>;
}

function* quantizedBlocks(
  values: Float32Array,
  { k, n, blockSize, symmetric }: BlockOptions & { readonly k: number; readonly n: number },
  levels: Levels,
): Generator<QuantizedRows> {
  for (let start = 0, block = 0; start < k; start += blockSize, block++) {
    const rows = { start, end: Math.min(start + blockSize, k) };
    const parameters = blockParameters(
      columnRanges(values.subarray(rows.start * n, rows.end * n), n),
      symmetric,
      levels,
    );
    yield { block, levels: quantizeRows(values, n, rows, parameters, levels), ...parameters };
  }
}

/** Puts values of 4 bits in pairs, the first in the low bits. */
function packNibbles(values: Uint8Array): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  for (let index = 0; index < packed.length; index++) {
    packed[index] = ((values[2 * index] ?? 0) & 0x0f) | ((values[2 * index + 1] ?? 0) << 4);
  }
  return packed;
}

/** Puts values of 4 bits [rows, N] in pairs along the columns, the first in the low bits. */
function packRows(levels: Uint8Array, n: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil(levels.length / n / 2) * n);
  for (let to = 0, index = 0; to < packed.length; index += n) {
    for (let column = 0; column < n; column++, to++, index++) {
      packed[to] = (levels[index] ?? 0) | ((levels[index + n] ?? 0) << 4);
    }
  }
  return packed;
}

/** A byte with the value of an even index in its low bits, or of an odd one in its high ones. */
const withNibble = (byte: number, index: number, value: number): number =>
  index & 1 ? (byte & 0x0f) | (value << 4) : (byte & 0xf0) | value;

/**
 * Quantises a MatMul's weight [K, N] for com.microsoft.MatMulNBits: data [N, blocks, blockSize ·
 * bits ∕ 8], scales [N, blocks], zero points [N, ⌈blocks · bits ∕ 8⌉], for ⌈K ∕ blockSize⌉ blocks.
 * Without zero points they are 8 or 128.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for wrong options and values that are not finite.
 */
export function matMulNBits(
  values: Float32Array,
  k: number,
  n: number,
  options: BlockOptions,
): QuantizedBlocks {
  requireBlocks(values, k, n, options);
  const { bits, blockSize, symmetric } = options;
  const blocks = Math.ceil(k / blockSize);
  const blockBytes = (blockSize * bits) / 8;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const data = new Uint8Array(n * blocks * blockBytes);
  const scales = new Float32Array(n * blocks);
  // Of an odd number of blocks the last has the middle beside it, as MLAS has.
  const zeroPoints = new Uint8Array(n * zeroBytes).fill(bits === 4 ? 0x88 : 0);
  for (const found of quantizedBlocks(values, { k, n, ...options }, unsigned(bits))) {
    const { block } = found;
    const packed = bits === 4 ? packRows(found.levels, n) : found.levels;
    const rows = packed.length / n;
    for (let column = 0; column < n; column++) {
      scales[column * blocks + block] = found.scales[column] ?? 0;
      const zeroPoint = found.zeroPoints[column] ?? 0;
      const at = column * zeroBytes + (bits === 8 ? block : block >> 1);
      zeroPoints[at] = bits === 8 ? zeroPoint : withNibble(zeroPoints[at] ?? 0, block, zeroPoint);
      const start = (column * blocks + block) * blockBytes;
      for (let row = 0, index = column; row < rows; row++, index += n) {
        data[start + row] = packed[index] ?? 0;
      }
    }
  }
  return { data, scales, ...(symmetric ? {} : { zeroPoints }) };
}

/**
 * Quantises a MatMul's weight [K, N] for DequantizeLinear with `block_size` and axis 0 (opset 21):
 * data [K, N], scales and zero points [⌈K ∕ blockSize⌉, N]; int4 or int8 where symmetric, else uint4
 * or uint8. Values of 4 bits are packed as ONNX has them.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for wrong options and values that are not finite.
 */
export function blockedQdq(
  values: Float32Array,
  k: number,
  n: number,
  options: BlockOptions,
): QuantizedBlocks {
  requireBlocks(values, k, n, options);
  const { bits, blockSize, symmetric } = options;
  const blocks = Math.ceil(k / blockSize);
  const levels = (symmetric ? signed : unsigned)(bits);
  const data = new Uint8Array(k * n);
  const scales = new Float32Array(blocks * n);
  const zeroPoints = new Uint8Array(blocks * n);
  for (const found of quantizedBlocks(values, { k, n, ...options }, levels)) {
    data.set(found.levels, found.block * blockSize * n);
    scales.set(found.scales, found.block * n);
    zeroPoints.set(found.zeroPoints, found.block * n);
  }
  const packed = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
    bits === 4 ? packNibbles(bytes) : bytes;
  return { data: packed(data), scales, ...(symmetric ? {} : { zeroPoints: packed(zeroPoints) }) };
}
