import { Tensor, parseNumbers, printNumbers, type NumberType as AnyNumberType } from 'onlite';
import { describe, expect, it } from 'vitest';

import {
  finiteFloat32,
  finiteFloat64,
  integerBelow,
  nest,
  oneOf,
  randomDims,
  seeded,
  sizeOf,
} from '../../../test/integration/numbers-support';
import { NumberSink, readNumbers, type NumberType } from '../../lib/wire/json/numbers';
import { PlainNumbers } from '../../lib/wire/json/plain-numbers';
import { printFew } from '../../lib/wire/json/print-numbers';
import { JsonReader } from '../../lib/wire/json/reader';

const types = [
  ...(['float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32'] as const),
  ...(['int64', 'uint64'] as const),
];

const bytesOf = (array: ArrayBufferView) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');

/** What `parseNumbers` makes of a text; undefined where it refuses it. */
function parsed(text: string, type: AnyNumberType) {
  try {
    const { tensor, end } = parseNumbers(Buffer.from(text), type, undefined, { partial: true });
    return { shape: [...tensor.dims], end, data: bytesOf(tensor.data) };
  } catch {
    return undefined;
  }
}

describe('a few plain numbers', () => {
  const plain = new PlainNumbers();
  const read = (text: string, type: NumberType) => {
    const sink = new NumberSink(type);
    const bytes = Buffer.from(text);
    const shape = plain.read(bytes, 0, bytes.length, sink);
    if (shape === undefined) expect(sink.length).toBe(0);
    return shape && { shape, end: plain.end, data: bytesOf(sink.numbers) };
  };

  it('are what native code reads, or left to it', () => {
    const random = seeded(14);
    let few = 0;
    for (let round = 0; round < 20_000; round++) {
      const dims = randomDims(random).slice(0, 3);
      const texts = Array.from({ length: sizeOf(dims) }, () => {
        const digits = Array.from({ length: 1 + integerBelow(random, 9) }, () =>
          integerBelow(random, 10),
        ).join('');
        const point = oneOf(random, ['', '', '.', '.5', `.${digits}`]);
        const text = `${oneOf(random, ['', '', '-'])}${oneOf(random, [digits, String(+digits), '0', '7'])}${point}`;
        return random() < 0.02 ? oneOf(random, ['NaN', '1e5', 'null', '-', '1.', '00', '"']) : text;
      });
      const type = oneOf(random, types);
      let text = nest(random, texts, dims);
      // Something is wrong, or follows.
      if (random() < 0.1) {
        const at = integerBelow(random, text.length + 1);
        text =
          text.slice(0, at) +
          oneOf(random, ['', '[', ']', ',', ' ', '}', '1']) +
          text.slice(at + 1);
      }
      const found = read(text, type);
      if (found === undefined) continue;
      few++;
      // Native code goes beyond white space only for what follows it.
      expect(found, `${type} ${text}`).toEqual(parsed(text, type));
    }
    expect(few).toBeGreaterThan(2000);
  });

  it.each(['0', '-0', '[-0, 0.0, -0.0]', '[128]', '[-1]', '[255]', '[65536]', '[4294967295]'])(
    '%s is the same in every type',
    (text) => {
      for (const type of types) {
        const found = read(text, type);
        if (found !== undefined) expect(found, type).toEqual(parsed(text, type));
        else if (!text.includes('.')) expect(parsed(text, type), type).toBeUndefined();
      }
    },
  );

  it('are rounded once', () => {
    // As doubles these are half-way between two floats; the decimals are not.
    const random = seeded(5);
    let halfway = 0;
    for (let round = 0; round < 20_000; round++) {
      const low = Math.abs(finiteFloat32(random)) % 1000;
      const ulp = 2 ** (Math.floor(Math.log2(low)) - 23);
      const text = (Math.fround(low) + ulp / 2).toPrecision(15);
      if (!/^\d+\.\d+$/.test(text)) continue;
      const found = read(text, 'float32');
      if (found === undefined) halfway++;
      else expect(found, text).toEqual(parsed(text, 'float32'));
    }
    expect(halfway).toBeGreaterThan(0);
  });
});

describe('numbers of a request', () => {
  const read = (text: string, type: NumberType = 'float64', rules = {}) => {
    const sink = new NumberSink(type);
    const reader = new JsonReader(Buffer.from(text));
    const shape = readNumbers(reader, sink, rules);
    return { shape, numbers: [...sink.numbers], end: reader.position };
  };

  it('are what JSON.parse makes of them, in few and in many', () => {
    const random = seeded(1);
    const values = Array.from({ length: 3000 }, () => finiteFloat64(random));
    const texts = values.flatMap((value) => [String(value), value.toExponential(4)]);
    expect(read(`[${texts.join(',')}]`).numbers).toEqual(texts.map(Number));
    for (const text of texts)
      expect(read(text)).toEqual({ shape: [], numbers: [Number(text)], end: text.length });
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
    [`[${many}, [1]]`, /\[200\]: expected 2 elements, got 1/],
    [`[${many}, [1, null]]`, /\[200\]\[1\]: expected a number/],
    [`[${many}, [1, 02]]`, /\[200\]\[1\]: expected a number/],
    [`[${many}, 1]`, /\[200\]: expected an array/],
    [`[${many},]`, /expected/],
    ['[1, "2"]', /\[1\]: expected a number/],
  ])('say where they are wrong', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it('may be NaN and Infinity among many, unless these are refused', () => {
    const text = `[${many}, [NaN, -Infinity]]`;
    const { numbers, shape } = read(text);
    expect(shape).toEqual([201, 2]);
    expect(numbers.slice(-2)).toEqual([NaN, -Infinity]);
    const refuse = { nonFinite: 'refuse' };
    expect(() => read(text, 'float64', refuse)).toThrow(/\[200\]\[0\]/);
    expect(() => read('[1e400]', 'float64', refuse)).toThrow(/\[0\]/);
  });

  it.each(['null', '[null]', '[[1, null], [NaN, 2e0]]', `[${many}, [null, 1]]`])(
    'have null for NaN where a protocol has: %.30s',
    (text) => {
      const expected = (JSON.parse(text.replaceAll('NaN', 'null')) as unknown[] | null) ?? [null];
      const flat = expected.flat(Infinity).map((value) => value ?? NaN);
      expect(read(text, 'float32', { nullIsNaN: true }).numbers).toEqual(flat);
      expect(() => read(text, 'float32')).toThrow(/expected a number/);
      expect(() => read(text, 'int32', { nullIsNaN: true })).toThrow(/expected an integer/);
    },
  );

  it('are added to those before', () => {
    const sink = new NumberSink('float32');
    const texts = ['1', `[${many}]`, '[2, 3]', '[4e0]', `[${many}]`];
    for (const text of texts) readNumbers(new JsonReader(Buffer.from(text)), sink);
    const all = texts.flatMap((text) => [JSON.parse(text) as number].flat(Infinity));
    expect([...sink.numbers]).toEqual(all);
  });

  it('are no more than there is room for', () => {
    for (const text of ['[1, 2, 3]', '[1e0, 2, 3]']) {
      const sink = new NumberSink('float32', new Float32Array(2));
      expect(() => readNumbers(new JsonReader(Buffer.from(text)), sink)).toThrow(/2/);
    }
  });
});

describe('a few numbers that are printed', () => {
  it('are what native code writes, or left to it', () => {
    const random = seeded(3);
    let few = 0;
    const check = (type: 'float32' | 'float64', values: number[]) => {
      const data = type === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
      const text = printFew(type, data);
      if (text === undefined) return;
      few++;
      expect(text).toBe(printNumbers(new Tensor(type, data as never, [values.length])).toString());
    };
    for (let round = 0; round < 30_000; round++) {
      const small = integerBelow(random, 1e6) / oneOf(random, [1, 8, 10, 1000, 1e9]);
      check('float32', [finiteFloat32(random), small, random()]);
      check('float64', [finiteFloat64(random), small, random()]);
    }
    check('float32', [0, -0, 1, 0.1, 2 ** 24, 1e10, 3.4028234663852886e38, 2 ** -126]);
    check('float64', [0, -0, 1e21, 5e-324, 0.1, 123456789012]);
    expect(few).toBeGreaterThan(30_000);
  });

  it('may be 64-bit integers, and none that is not finite', () => {
    expect(printFew('int64', BigInt64Array.of(-(2n ** 63n), 5n))).toBe('[-9223372036854775808,5]');
    expect(printFew('float32', Float32Array.of(1, NaN))).toBeUndefined();
    expect(printFew('float64', Float64Array.of(-Infinity))).toBeUndefined();
    expect(printFew('float32', Float32Array.of())).toBe('[]');
  });
});
