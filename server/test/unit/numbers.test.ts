import { describe, expect, it } from 'vitest';

import { elementPrinter } from '../../lib/wire/json/print-numbers';
import { NumberSink, readNumbers } from '../../lib/wire/json/numbers';
import { JsonReader } from '../../lib/wire/json/reader';

/** Floats of all magnitudes, always the same ones. */
function* bits(count: number): Generator<number> {
  let state = 1;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    yield state;
  }
}

const single = (pattern: number) => new Float32Array(Int32Array.of(pattern).buffer)[0]!;
const samples = [
  ...[...bits(5000)].map(single),
  0,
  0.1,
  1e-45,
  3.4028235e38,
  16_777_216,
  1e6,
  123_456_789,
];
const floats = samples.filter((value) => Number.isFinite(value)).map(Math.fround);

/** As the text itself says: the fewest digits that read back equal, found the long way. */
function fewestDigits(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    if (Math.fround(Number(value.toPrecision(digits))) === value) return digits;
  }
  return 9;
}

const digitsOf = (text: string) =>
  text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;

describe('floats that are printed', () => {
  it('read back equal and have no digit more than they need', () => {
    const print = elementPrinter('float32', 'shortest');
    for (const value of floats) {
      const text = print(value);
      expect(Object.is(Math.fround(Number(text)), value), `${value}: ${text}`).toBe(true);
      // Six digits are looked for at once: fewer come of themselves.
      expect(digitsOf(text), text).toBeLessThanOrEqual(Math.max(6, fewestDigits(value)));
    }
  });

  it('are those of C in the form of TensorFlow Serving', () => {
    const print = elementPrinter('float32', 'tensorflow');
    const expected = {
      1: '1.0',
      0.1: '0.1',
      1e6: '1e+06',
      123456: '123456.0',
      1e-5: '1e-05',
      0.0001: '0.0001',
    };
    for (const [value, text] of Object.entries(expected)) {
      expect(print(Math.fround(Number(value)))).toBe(text);
    }
    expect([NaN, Infinity, -Infinity, -0].map(print)).toEqual([
      'NaN',
      'Infinity',
      '-Infinity',
      '-0.0',
    ]);
    for (const value of floats) {
      expect(Object.is(Math.fround(Number(print(value))), value), print(value)).toBe(true);
    }
  });
});

describe('floats that are read', () => {
  const read = (text: string) => {
    const sink = new NumberSink('float64');
    const shape = readNumbers(new JsonReader(Buffer.from(text)), sink);
    return { shape, numbers: [...sink.numbers] };
  };

  it('are what JSON.parse makes of them, in few and in many', () => {
    const texts = floats.flatMap((value) => [
      String(value),
      value.toExponential(4),
      value.toFixed(3),
    ]);
    expect(read(`[${texts.join(',')}]`).numbers).toEqual(texts.map(Number));
    for (const text of texts.slice(0, 3000))
      expect(read(text)).toEqual({ shape: [], numbers: [Number(text)] });
  });

  it.each([
    ['[[1, 2], [3, 4], [5, 6]]', [3, 2]],
    ['[[], []]', [2, 0]],
    ['[]', [0]],
    ['[[[1]]]', [1, 1, 1]],
  ])('%s has its shape', (text, shape) => {
    expect(read(text).shape).toEqual(shape);
  });

  const many = Array.from({ length: 200 }, () => '[1, 2.5]').join(',');
  it.each([
    [`[${many}, [1]]`, /\[200\]: expected 2 values, not 1/],
    [`[${many}, [1, null]]`, /\[200\]\[1\]: expected a number/],
    [`[${many}, [1, 02]]`, /\[200\]\[1\]: expected a number/],
    [`[${many}, 1]`, /\[200\]: expected an array/],
    [`[${many},]`, /expected/],
  ])('say where they are wrong', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('may be NaN and Infinity among many', () => {
    const { numbers, shape } = read(`[${many}, [NaN, -Infinity]]`);
    expect(shape).toEqual([201, 2]);
    expect(numbers.slice(-2)).toEqual([NaN, -Infinity]);
  });
});
