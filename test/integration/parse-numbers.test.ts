import {
  Tensor,
  TensorPool,
  parseNumbers,
  type NumberType,
  type ParseNumbersOptions,
} from 'onlite';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../unit/support';
import {
  finiteFloat32,
  finiteFloat64,
  integerBelow,
  nest,
  oneOf,
  randomDims,
  seeded,
  sizeOf,
} from './numbers-support';

const parse = <T extends NumberType>(text: string, type: T, options?: ParseNumbersOptions) =>
  parseNumbers(Buffer.from(text), type, null, options).tensor;

const elements = (text: string, type: NumberType, options?: ParseNumbersOptions): unknown[] => [
  ...parse(text, type, options).data,
];

/** The message's part behind the code, or what was read. */
function failure(
  text: string,
  type: NumberType = 'float32',
  options?: ParseNumbersOptions,
): string {
  try {
    const { data, dims } = parse(text, type, options);
    return `read [${dims.join()}] ${[...data].join()}`;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }
}

describe('parseNumbers', () => {
  it('gives what JSON.parse gives, of random float64 documents', () => {
    const random = seeded(1);
    for (let round = 0; round < 2000; round++) {
      const dims = randomDims(random);
      const values = Array.from({ length: sizeOf(dims) }, () =>
        random() < 0.5 ? finiteFloat64(random) : integerBelow(random, 1000) / 8,
      );
      const texts = values.map((value) => {
        const digits = oneOf(random, ['', '', 6, 12, 17]);
        return digits === '' ? JSON.stringify(value) : value.toExponential(Number(digits) - 1);
      });
      const text = nest(random, texts, dims);
      const read = parse(text, 'float64');
      const expected = JSON.parse(text) as unknown[] | number;
      const flat = (Array.isArray(expected) ? expected.flat(Infinity) : [expected]) as number[];
      expect([...read.data], text).toEqual(flat.map((value) => (value === 0 ? 0 * value : value)));
      // An empty array's inner dims are not written.
      const shown = dims.includes(0) ? dims.slice(0, dims.indexOf(0) + 1) : dims;
      expect(read.dims, text).toEqual(shown);
    }
  });

  it('rounds float32 once', () => {
    // Nearer to the greater float32, but a float64 of it lies half-way.
    expect(elements('[1.00000005960464477539062500000000000001]', 'float32')).toEqual([
      1.00000011920928955078125,
    ]);
    expect(elements('[1.000000059604644775390625]', 'float32')).toEqual([1]);
    expect(elements('[1.00000017881393432617187500]', 'float32')).toEqual([1.0000002384185791]);
    const random = seeded(2);
    const values = Array.from({ length: 20_000 }, () => finiteFloat32(random));
    expect([...parse(JSON.stringify(values), 'float32').data]).toEqual(
      values.map((value) => (value === 0 ? 0 : value)),
    );
  });

  it.each([
    ['float32', 23, 8],
    ['float16', 10, 5],
    ['bfloat16', 7, 8],
  ] as const)(
    'rounds halves of %s to even, and what is beside them to the nearest',
    (...format) => {
      const [type, fractionBits, exponentBits] = format;
      const random = seeded(3);
      const limit = (2 ** exponentBits - 1) * 2 ** fractionBits - 1;
      for (let round = 0; round < 500; round++) {
        // A float as a multiple of 2^-149, and the middle between it and the next, in decimals.
        const bits = round < 20 ? round : integerBelow(random, limit);
        const exponent = Math.floor(bits / 2 ** fractionBits);
        const fraction = bits % 2 ** fractionBits;
        const significand = BigInt(exponent === 0 ? fraction : fraction + 2 ** fractionBits);
        const bias = 2 ** (exponentBits - 1) - 1;
        const shift = BigInt(Math.max(exponent, 1) - bias - fractionBits + 149);
        // In units of 2^-150.
        const middle = (significand * 2n + 1n) << shift;
        const decimal = (units: bigint): string => {
          const digits = units.toString().padStart(151, '0');
          return `${digits.slice(0, -150)}.${digits.slice(-150)}`;
        };
        const text = decimal(middle * 5n ** 150n);
        const below = `${decimal(middle * 5n ** 150n - 1n)}9`;
        const even = bits % 2 === 0 ? bits : bits + 1;
        const read = new Uint8Array(
          parse(
            `[${text},${text}${'0'.repeat(900)},${text}1,${text}${'0'.repeat(900)}1,${below}]`,
            type,
          ).data.buffer,
        );
        const view = new DataView(read.buffer);
        const size = fractionBits === 23 ? 4 : 2;
        const results = Array.from({ length: 5 }, (_, index) =>
          size === 4 ? view.getUint32(index * 4, true) : view.getUint16(index * 2, true),
        );
        expect(results, text).toEqual([even, even, bits + 1, bits + 1, bits]);
      }
    },
  );

  it('reads hard float64 numbers as JSON.parse does', () => {
    const texts = [
      ...['9007199254740991', '9007199254740992', '9007199254740993', '9007199254740995.0'],
      ...['4.9e-324', '2.4703282292062327e-324', '2.4703282292062328e-324', '2e-324', '1e-400'],
      ...['2.2250738585072011e-308', '2.2250738585072012e-308', '2.2250738585072014e-308'],
      ...['1.7976931348623157e308', '1.7976931348623158e308', '1.7976931348623159e308', '1e400'],
      ...[
        '0.000001e6',
        '1e23',
        '8.5e22',
        '5e-324',
        '1.1754943508222875e-38',
        '123456789012345678901',
      ],
      ...['100000000000000016777215', '100000000000000016777216', '7.2057594037927933e16'],
      `0.${'0'.repeat(400)}1e401`,
      `1${'0'.repeat(400)}e-400`,
      `9007199254740993.${'0'.repeat(1000)}`,
      `9007199254740993.${'0'.repeat(1000)}1`,
      `${'9'.repeat(10_000)}e-9990`,
      `1e${'9'.repeat(50)}`,
      `1e-${'9'.repeat(50)}`,
      `0e${'9'.repeat(50)}`,
    ];
    const random = seeded(4);
    for (let round = 0; round < 20_000; round++) {
      const digits = Array.from({ length: 1 + integerBelow(random, 40) }, () =>
        integerBelow(random, 10),
      ).join('');
      const point = integerBelow(random, digits.length);
      const whole = digits.slice(0, point).replace(/^0+(?=\d)/, '') || '0';
      texts.push(`${whole}.${digits.slice(point)}e${integerBelow(random, 700) - 350}`);
    }
    const text = `[${texts.join()}]`;
    expect([...parse(text, 'float64').data]).toEqual(JSON.parse(text));
  });

  it('reads integers of 64 bits exactly', () => {
    const signed = [0n, -1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    expect(elements(`[${signed.join()}]`, 'int64')).toEqual(signed);
    const unsigned = [0n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
    expect(elements(`[${unsigned.join()},-0]`, 'uint64')).toEqual([...unsigned, 0n]);
  });

  it.each([
    ['int8', -128, 127],
    ['uint8', 0, 255],
    ['int16', -32768, 32767],
    ['uint16', 0, 65535],
    ['int32', -2147483648, 2147483647],
    ['uint32', 0, 4294967295],
    ['int64', -(2n ** 63n), 2n ** 63n - 1n],
    ['uint64', 0, 2n ** 64n - 1n],
  ] as const)('refuses what is beyond %s', (type, least, most) => {
    expect(elements(`[${least},${most}]`, type).map(String)).toEqual([`${least}`, `${most}`]);
    const range = `expected an integer from ${least} to ${most}`;
    for (const value of [BigInt(least) - 1n, BigInt(most) + 1n, 10n ** 30n, -(10n ** 30n)]) {
      expect(failure(`[[0],[${value}]]`, type)).toBe(
        `ERR_TYPE_MISMATCH data[1][0]: ${range}, got ${value}`,
      );
    }
    const wholeNumbers = true;
    expect(failure(`[${most}.0]`, type)).toBe(
      `ERR_TYPE_MISMATCH data[0]: expected an integer, got ${most}.0`,
    );
    expect(
      elements(`[${most}.0, 1e2, 120e-1, 0.0e9, -0.0]`, type, { wholeNumbers }).map(String),
    ).toEqual([`${most}`, '100', '12', '0', '0']);
    expect(failure('[1.5]', type, { wholeNumbers })).toMatch('expected an integer, got 1.5');
    for (const text of ['1e300', `${BigInt(most) + 1n}.0`, `1e${'9'.repeat(30)}`]) {
      expect(failure(`[${text}]`, type, { wholeNumbers })).toMatch(`${range}, got ${text}`);
    }
  });

  it('reads bools', () => {
    expect(elements('[true,false]', 'bool')).toEqual([1, 0]);
    expect(failure('[1]', 'bool')).toMatch('ERR_TYPE_MISMATCH data[0]: expected true or false');
    expect(elements('[true,0,1,-0]', 'bool', { boolNumbers: true })).toEqual([1, 0, 1, 0]);
    for (const text of ['2', '-1', '1e99', '0.5', '300', '"true"', 'null']) {
      expect(failure(`[${text}]`, 'bool', { boolNumbers: true })).toMatch(
        'ERR_TYPE_MISMATCH data[0]: expected true, false, 0 or 1',
      );
    }
  });

  it('takes NaN and infinities as Python and RapidJSON write them', () => {
    const text = '[NaN, Infinity,-Infinity, Inf, -Inf ,-NaN]';
    for (const type of ['float32', 'float64'] as const) {
      expect(elements(text, type)).toEqual([NaN, Infinity, -Infinity, Infinity, -Infinity, NaN]);
    }
    expect(new Uint16Array(parse(text, 'float16').data.buffer)).toEqual(
      new Uint16Array([0x7e00, 0x7c00, 0xfc00, 0x7c00, 0xfc00, 0xfe00]),
    );
    expect([...parse(text, 'bfloat16').data]).toEqual([
      0x7fc0, 0x7f80, 0xff80, 0x7f80, 0xff80, 0xffc0,
    ]);
    for (const word of ['NaN', 'Infinity', '-Infinity']) {
      expect(failure(`[0,${word}]`, 'float32', { nonFinite: 'refuse' })).toMatch(
        `ERR_TYPE_MISMATCH data[1]: expected a number, got ${word}`,
      );
      expect(failure(`[${word}]`, 'int32')).toMatch('data[0]: expected a');
    }
    for (const word of ['nan', 'Infinit', 'NaNs', '+Infinity', '--1', 'inf']) {
      expect(failure(`[${word}]`)).toMatch('ERR_INVALID_ARGUMENT data[');
    }
  });

  it('makes infinity of what is too large, or refuses it', () => {
    expect(elements('[1.8e308,-1e39,3.4028235677973367e38,3.4028235e38]', 'float32')).toEqual([
      Infinity,
      -Infinity,
      Infinity,
      3.4028234663852886e38,
    ]);
    expect([...new Uint16Array(parse('[65519.99,65520]', 'float16').data.buffer)]).toEqual([
      0x7bff, 0x7c00,
    ]);
    expect(failure('[[1],[-1e39]]', 'float32', { overflow: 'refuse' })).toBe(
      'ERR_TYPE_MISMATCH data[1][0]: expected a finite float32, got -1e39',
    );
    expect(elements('[Infinity]', 'float32', { overflow: 'refuse' })).toEqual([Infinity]);
  });

  it.each([
    ['[[1,2],[3]]', 'ERR_SHAPE_MISMATCH data[1]: expected 2 elements, got 1'],
    ['[[[1],[2]],[[3],[4,5]]]', 'ERR_SHAPE_MISMATCH data[1][1]: expected 1 element, got 2'],
    ['[[1],[2],3]', 'ERR_SHAPE_MISMATCH data[2]: expected an array, got a number'],
    ['[1,[2]]', 'ERR_SHAPE_MISMATCH data[1]: expected a number, got an array at byte 3'],
    ['[[],[1]]', 'ERR_SHAPE_MISMATCH data[1]: expected 0 elements, got 1'],
    ['[[],1]', 'ERR_SHAPE_MISMATCH data[1]: expected an array, got a number'],
    ['[[],[[]]]', 'ERR_SHAPE_MISMATCH data[1][0]: expected a number, got an array at byte 5'],
    ['[1,null]', 'ERR_TYPE_MISMATCH data[1]: expected a number, got null at byte 3'],
    ['[1,"2"]', 'ERR_TYPE_MISMATCH data[1]: expected a number, got a string at byte 3'],
    ['[true]', 'ERR_TYPE_MISMATCH data[0]: expected a number, got true at byte 1'],
    ['{"a":1}', 'ERR_TYPE_MISMATCH data: expected a number, got an object at byte 0'],
    ['[1,]', "ERR_INVALID_ARGUMENT data[1]: expected a number, got ']' at byte 3"],
    ['[,1]', "ERR_INVALID_ARGUMENT data[0]: expected a number, got ',' at byte 1"],
    ['[1 2]', "ERR_INVALID_ARGUMENT data[1]: expected ',' or ']', got a number at byte 3"],
    ['[[1][2]]', "ERR_INVALID_ARGUMENT data[1]: expected ',' or ']', got an array at byte 4"],
    ['[1', "ERR_INVALID_ARGUMENT data[1]: expected ',' or ']', got the end at byte 2"],
    ['[', 'ERR_INVALID_ARGUMENT data[0]: expected an element, got the end at byte 1'],
    ['[1,', 'ERR_INVALID_ARGUMENT data[1]: expected an element, got the end at byte 3'],
    [' ', 'ERR_INVALID_ARGUMENT data: expected a value, got the end at byte 1'],
    [']', "ERR_INVALID_ARGUMENT data: expected a number, got ']' at byte 0"],
    ['1 1', 'ERR_INVALID_ARGUMENT data: expected the end of the text, got a number at byte 2'],
    ['[1]]', "ERR_INVALID_ARGUMENT data: expected the end of the text, got ']' at byte 3"],
    ['[\u00e9]', 'ERR_INVALID_ARGUMENT data[0]: expected a number, got the byte 0xc3 at byte 1'],
    ['[01]', /data\[0\]: expected a number without leading zeros, got a number at byte 2$/],
    ['[-]', /data\[0\]: expected a digit, got ']' at byte 2$/],
    ['[1.]', /expected a digit, got ']' at byte 3$/],
    ['[.5]', /expected a number, got '.' at byte 1$/],
    ['[1e]', /expected a digit, got ']' at byte 3$/],
    ['[1e+]', /expected a digit, got ']' at byte 4$/],
    ['[0x10]', /expected ',' or ']', got 'x' at byte 2$/],
    ['[1_0]', /expected ',' or ']', got '_' at byte 2$/],
  ] as const)('refuses %s', (text, expected) => {
    if (typeof expected === 'string') expect(failure(text)).toBe(expected);
    else expect(failure(text)).toMatch(expected);
  });

  it('reads a part of a larger document in place', () => {
    const text = Buffer.from('{"a":[[1,2],[3,4]],"b": 5 ,"c":[]}');
    const at = (offset: number, end?: number) => {
      const options = { offset, partial: true, ...(end === undefined ? {} : { end }) };
      const { tensor, end: after } = parseNumbers(text, 'int32', null, options);
      return [tensor.dims, [...tensor.data], text.subarray(after).toString().slice(0, 4)];
    };
    expect(at(5)).toEqual([[2, 2], [1, 2, 3, 4], ',"b"']);
    expect(at(23)).toEqual([[], [5], ' ,"c']);
    expect(at(31)).toEqual([[0], [], '}']);
    expect(codeOf(() => at(5, 12))).toBe('ERR_INVALID_ARGUMENT');
    expect(codeOf(() => at(5, 4))).toBe('ERR_INVALID_ARGUMENT');
    expect(codeOf(() => at(text.length + 1))).toBe('ERR_INVALID_ARGUMENT');
    const path = 'inputs[0].data';
    expect(failure('  [1,x]', 'int32', { offset: 1, path })).toMatch(
      "inputs[0].data[1]: expected an integer, got 'x' at byte 5",
    );
  });

  it('keeps limits', () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    expect(failure(deep(64))).toMatch(/^read \[(1,){63}0\]/);
    expect(failure(deep(65))).toMatch(/\[0\]\[…\]: expected at most 64 levels of arrays$/);
    expect(failure(deep(255), 'int8', { maxDepth: 255 })).toMatch('read [1,1');
    expect(failure('['.repeat(5_000_000))).toMatch('levels');
    expect(failure('[1]', 'int8', { maxDepth: 0 })).toMatch('at most 0 levels');
    expect(failure('[[1,2],[3]]', 'int8', { maxElements: 2 })).toBe(
      'ERR_INVALID_ARGUMENT data[1][0]: expected at most 2 elements in all',
    );
    expect(failure('[1,2]', 'int8', { maxElements: 2 })).toBe('read [2] 1,2');
    for (const maxBytes of [0, 1, 2, 3, 4]) {
      expect(failure('[1,2]', 'int8', { maxBytes })).toMatch(`at most ${maxBytes} bytes of text`);
    }
    expect(failure('[1,2]', 'int8', { maxBytes: 5 })).toBe('read [2] 1,2');
    expect(failure('12', 'int8', { maxBytes: 1, partial: true })).toMatch('at most 1 bytes');
  });

  it('checks the shape that is asked for, and allocates nothing for one that lies', () => {
    for (const text of ['[1,2,3,4]', '[[1,2],[3,4]]']) {
      expect(failure(text, 'int8', { dims: [2, 2] })).toBe('read [2,2] 1,2,3,4');
    }
    expect(failure('5', 'int8', { dims: [1, 1] })).toBe('read [1,1] 5');
    expect(failure('[5]', 'int8', { dims: [] })).toBe('read [] 5');
    expect(failure('[[1,2,3,4]]', 'int8', { dims: [2, 2] })).toBe(
      'ERR_SHAPE_MISMATCH data: expected dims [2,2], or 4 elements without nesting, got dims [1,4]',
    );
    expect(failure('[1,2,3,4,5]', 'int8', { dims: [2, 2] })).toMatch(
      /^ERR_SHAPE_MISMATCH data\[4\]/,
    );
    expect(failure('[1]', 'float64', { dims: [2 ** 40, 3] })).toMatch('got dims [1]');
    expect(failure('[1]', 'float64', { dims: [2 ** 61, 3] })).toMatch('ERR_INVALID_ARGUMENT');
  });

  it('writes into an array or a tensor that is given', () => {
    const text = Buffer.from('[[1,2,3],[4,5,6]]');
    const array = new Float32Array(8).fill(9);
    const { tensor } = parseNumbers(text, 'float32', array);
    expect(tensor.dims).toEqual([2, 3]);
    expect(tensor.data.buffer).toBe(array.buffer);
    expect([...array]).toEqual([1, 2, 3, 4, 5, 6, 9, 9]);
    const small = (): unknown => parseNumbers(text, 'float32', new Float32Array(5));
    expect(small).toThrow('data[1][2]: there is room for 5 elements, got more');
    expect(codeOf(small)).toBe('ERR_SHAPE_MISMATCH');
    const exact = new Float32Array(6);
    expect(parseNumbers(text, 'float32', exact).tensor.data).toBe(exact);

    const pool = new TensorPool();
    const pooled = pool.acquire('float32', [3, 2]);
    expect(codeOf(() => parseNumbers(text, 'float32', pooled))).toBe('ERR_SHAPE_MISMATCH');
    const flat = Buffer.from('[1,2,3,4,5,6]');
    expect(parseNumbers(flat, 'float32', pooled).tensor).toBe(pooled);
    expect([...pooled.data]).toEqual([1, 2, 3, 4, 5, 6]);
    pooled.dispose();
    expect(codeOf(() => parseNumbers(flat, 'float32', pooled))).toBe('ERR_TENSOR_DISPOSED');
    const other = new Tensor('float64', new Float64Array(6), [6]);
    expect(codeOf(() => parseNumbers(flat, 'float32', other as never))).toBe('ERR_TYPE_MISMATCH');
    expect(codeOf(() => parseNumbers(flat, 'float32', new Float64Array(6) as never))).toBe(
      'ERR_TYPE_MISMATCH',
    );
    const bits = new Uint16Array(1);
    parseNumbers(Buffer.from('[1]'), 'float16', bits);
    expect([...bits]).toEqual([0x3c00]);
  });

  it('bears memory that is shared, detached, or the same on both sides', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(9));
    shared.set(Buffer.from(' [1,2,3] '));
    expect([...parseNumbers(shared, 'int8').tensor.data]).toEqual([1, 2, 3]);
    expect(() => parseNumbers(shared, 'uint8', null, { offset: 1, end: 7 })).toThrow('at byte 7');
    const out = new Int8Array(new SharedArrayBuffer(3));
    expect(parseNumbers(shared, 'int8', out).tensor.data).toBe(out);
    const same = Buffer.from(new ArrayBuffer(7));
    same.write('[7,8,9]');
    const over = new Uint8Array(same.buffer, 0, 3);
    expect([...parseNumbers(same, 'uint8', over).tensor.data]).toEqual([7, 8, 9]);
    const gone = new Uint8Array(4);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(codeOf(() => parseNumbers(gone, 'int8'))).toBe('ERR_BUFFER_DETACHED');
    expect(codeOf(() => parseNumbers(shared, 'uint8', gone))).toBe('ERR_BUFFER_DETACHED');
  });

  it('survives 10,000 mutated documents, each read as JSON.parse reads it or refused', () => {
    const random = seeded(5);
    const alphabet = [
      ...Array.from('[[]],,..--+eE0123456789 \n"{}ntfNI'),
      'null',
      'true',
      '1e999',
      '\u0000',
    ];
    let read = 0;
    for (let round = 0; round < 10_000; round++) {
      const dims = randomDims(random);
      const texts = Array.from({ length: sizeOf(dims) }, () =>
        JSON.stringify(finiteFloat64(random)),
      );
      let text = nest(random, texts, dims);
      for (let change = integerBelow(random, 3); change >= 0; change--) {
        const at = integerBelow(random, text.length);
        const removed = integerBelow(random, 3);
        text = text.slice(0, at) + oneOf(random, alphabet) + text.slice(at + removed);
      }
      const type = oneOf(random, ['float64', 'float32', 'int64', 'uint8', 'bool'] as const);
      let values: unknown;
      try {
        values = JSON.parse(text);
      } catch {
        values = undefined;
      }
      try {
        const { data } = parse(text, type, { nonFinite: 'refuse' });
        read++;
        if (type !== 'float64') continue;
        const flat = Array.isArray(values) ? values.flat(Infinity) : [values];
        expect([...data], text).toEqual(flat);
      } catch (error) {
        expect((error as { code?: string }).code, text).toMatch(
          /^ERR_(INVALID_ARGUMENT|TYPE_MISMATCH|SHAPE_MISMATCH)$/,
        );
        // What is refused is no JSON, ragged, or has other values than numbers.
        if (type !== 'float64' || values === undefined) continue;
        const flat = Array.isArray(values) ? values.flat(Infinity) : [values];
        const ragged = /expected (an array|\d+ elements?|a number, got an array)/;
        if (flat.every((value) => typeof value === 'number')) {
          expect((error as Error).message, text).toMatch(ragged);
        }
      }
    }
    expect(read).toBeGreaterThan(400);
  });

  it('checks its arguments', () => {
    const text = Buffer.from('[1]');
    const wrong: [...unknown[]][] = [
      [undefined, 'int8'],
      ['[1]', 'int8'],
      [new Uint16Array(2), 'int8'],
      [text, 'int9'],
      [text, 'int8', null, { offset: -1 }],
      [text, 'int8', null, { maxDepth: 256 }],
      [text, 'int8', null, { nonFinite: 'maybe' }],
      [text, 'int8', null, { unknown: 1 }],
      [text, 'int8', null, { dims: 3 }],
      [text, 'int8', null, { partial: 1 }],
      [text, 'int8', null, 'options'],
    ];
    const call = parseNumbers as (...args: unknown[]) => unknown;
    for (const args of wrong) expect(codeOf(() => call(...args))).toBe('ERR_INVALID_ARGUMENT');
    for (const type of ['string', 'int4', 'complex64', 'float8e4m3fn']) {
      expect(codeOf(() => call(text, type))).toBe('ERR_UNSUPPORTED');
    }
    expect(codeOf(() => call(text, 'int8', {}))).toBe('ERR_TYPE_MISMATCH');
  });
});
