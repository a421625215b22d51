import { Letter, isDigit, isSpace } from './letters';
import type { NumberSink } from './numbers';

/** More numbers are read quicker by native code, a call of which takes as long as some of them. */
const FEW = 32;

/** Powers of ten that a double holds exactly. */
const exactPowers = Array.from({ length: 16 }, (_, power) => Number(`1e${power}`));

/** Of the number that is being looked at, its halves: little-endian, as all platforms are. */
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** Whether a double is half-way between two floats, where what its decimal was rounded off decides. */
function isHalfway(value: number): boolean {
  double[0] = value;
  return ((halves[0] ?? 0) & 0x1fff_ffff) === 0x1000_0000;
}

/**
 * Reads what most small requests have, a number or a few of them in arrays, all of them decimals of 15
 * digits at most without an exponent: their digits and the power of ten below them are exact doubles, so
 * that their quotient is rounded once (Clinger, "How to read floating point numbers accurately", 1990).
 * Anything else, such as what is wrong, is left to `parseNumbers`, which says the same of these.
 */
export class PlainNumbers {
  /** Behind what was read. */
  end = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #stop = 0;
  #position = 0;
  #sink: NumberSink | undefined;
  #left = 0;
  #rank = -1;
  #shape: number[] = [];

  /** @returns the shape, or undefined where nothing was read: the sink is as it was */
  read(bytes: Buffer, start: number, stop: number, sink: NumberSink): number[] | undefined {
    this.#bytes = bytes;
    this.#position = start;
    this.#stop = stop;
    this.#sink = sink;
    this.#left = FEW;
    this.#rank = -1;
    this.#shape = [];
    const before = sink.length;
    const isRead = this.#value(0);
    this.#bytes = Buffer.alloc(0);
    this.#sink = undefined;
    if (!isRead) {
      sink.length = before;
      return undefined;
    }
    this.end = this.#position;
    return this.#shape;
  }

  #next(): number {
    while (this.#position < this.#stop && isSpace(this.#bytes[this.#position] ?? 0))
      this.#position++;
    return this.#position < this.#stop ? (this.#bytes[this.#position] ?? -1) : -1;
  }

  #value(axis: number): boolean {
    if (this.#next() !== Letter.openBracket) {
      if (this.#rank < 0) this.#rank = axis;
      return this.#rank === axis && this.#number();
    }
    if (axis === 8 || (this.#rank >= 0 && axis >= this.#rank)) return false;
    this.#position++;
    for (let count = 1; ; count++) {
      if (!this.#value(axis + 1)) return false;
      const letter = this.#next();
      this.#position++;
      if (letter === Letter.comma) continue;
      return letter === Letter.closeBracket && (this.#shape[axis] ??= count) === count;
    }
  }

  #number(): boolean {
    const bytes = this.#bytes;
    const isNegative = bytes[this.#position] === Letter.minus;
    const first = isNegative ? this.#position + 1 : this.#position;
    const stop = Math.min(this.#stop, first + 17);
    let digits = 0;
    let point = -1;
    let position = first;
    let letter = -1;
    for (; position < stop; position++) {
      letter = bytes[position] ?? 0;
      if (isDigit(letter)) digits = digits * 10 + (letter - Letter.zero);
      else if (letter === Letter.dot && point < 0) point = position;
      else break;
    }
    const whole = (point < 0 ? position : point) - first;
    const fraction = point < 0 ? 0 : position - point - 1;
    const isPlain =
      position < this.#stop
        ? position < stop && letter !== Letter.dot && (letter | 0x20) !== Letter.e
        : true;
    const isZeroed = whole > 1 && bytes[first] === Letter.zero;
    if (!isPlain || isZeroed || whole === 0 || whole + fraction > 15) return false;
    if (point >= 0 && fraction === 0) return false;
    this.#position = position;
    const size = fraction === 0 ? digits : digits / (exactPowers[fraction] ?? 1);
    return this.#put(isNegative ? -size : size, point < 0);
  }

  #put(value: number, isWhole: boolean): boolean {
    const sink = this.#sink;
    if (sink === undefined || --this.#left < 0 || !sink.hasRoom()) return false;
    const { least, most, isBig } = sink.kind;
    if (least !== undefined) {
      if (!isWhole || value < least || value > most) return false;
    } else if (!isWhole && sink.type === 'float32' && isHalfway(value)) return false;
    sink.data[sink.length++] = isBig ? BigInt(value) : value;
    return true;
  }
}
