import {
  Tensor,
  TensorPool,
  parseNumbers,
  printNumberRows,
  printNumbers,
  type ElementType,
  type NumberType,
  type PrintNumbersOptions,
} from 'onlite';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../unit/support';
import {
  finiteFloat32,
  finiteFloat64,
  integerBelow,
  randomDims,
  seeded,
  sizeOf,
} from './numbers-support';

const print = (tensor: Tensor<ElementType>, options?: PrintNumbersOptions): string =>
  printNumbers(tensor, options).toString();

const float32 = (values: readonly number[], dims: readonly number[] = [values.length]) =>
  new Tensor('float32', Float32Array.from(values), dims);

const float64 = (values: readonly number[], dims: readonly number[] = [values.length]) =>
  new Tensor('float64', Float64Array.from(values), dims);

/** The arrays that JSON.stringify would be given. */
function nested(values: readonly unknown[], dims: readonly number[]): unknown {
  if (dims.length === 0) return values[0];
  const [dim = 0, ...rest] = dims;
  const size = sizeOf(rest);
  return Array.from({ length: dim }, (_, index) =>
    nested(values.slice(index * size, (index + 1) * size), rest),
  );
}

/** C's printf("%.<precision>g"). */
function general(value: number, precision: number): string {
  const [digits = '', exponent = ''] = value.toExponential(precision - 1).split('e');
  const power = Number(exponent);
  const trimmed = (text: string): string =>
    text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  if (power >= -4 && power < precision) return trimmed(value.toFixed(precision - 1 - power));
  const sign = power < 0 ? '-' : '+';
  return `${trimmed(digits)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** TensorFlow Serving's WriteDecimal (tensorflow_serving/util/json_tensor.cc). */
function tensorFlow(value: number, round: (value: number) => number, enough: number): string {
  const few = general(value, 6);
  const text = round(Number(few)) === value ? few : general(value, enough);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

describe('printNumbers', () => {
  it('writes float64 as JSON.stringify does, nested by any dims', () => {
    const random = seeded(11);
    for (let round = 0; round < 2000; round++) {
      const dims = randomDims(random);
      const values = Array.from({ length: sizeOf(dims) }, () =>
        random() < 0.5
          ? finiteFloat64(random)
          : integerBelow(random, 2 ** 31) / 2 ** integerBelow(random, 40),
      );
      expect(print(float64(values, dims))).toBe(JSON.stringify(nested(values, dims)));
    }
  });

  it('writes the shortest form of float32 that reads back equal', () => {
    const random = seeded(12);
    const values = [0.1, 0.2, 16777216, 3.4028234663852886e38, 2 ** -149, 2 ** -126, 2 ** -14, 9.5];
    while (values.length < 20_000) values.push(finiteFloat32(random));
    const tensor = float32(values);
    const text = print(tensor);
    expect(text.startsWith('[0.1,0.2,16777216,3.4028235e+38,1e-45,1.1754944e-38,')).toBe(true);
    expect(parseNumbers(Buffer.from(text), 'float32').tensor.data).toEqual(tensor.data);
    const numbers = JSON.parse(text) as number[];
    const shown = text.slice(1, -1).split(',');
    const wrong = numbers.filter((value, index) => {
      if (String(value) !== shown[index]) return true;
      // One digit less is another float.
      const digits = value.toExponential().replace(/e.*|\D/g, '').length;
      if (digits === 1) return false;
      return Math.fround(Number(value.toPrecision(digits - 1))) === tensor.data[index];
    });
    expect(wrong).toEqual([]);
  });

  it.each(['float16', 'bfloat16'] as const)(
    'writes every %s so that it reads back equal',
    (type) => {
      const bits = Uint16Array.from({ length: 65_536 }, (_, index) => index);
      const tensor = new Tensor(type, bits, [256, 256]);
      const back = parseNumbers(printNumbers(tensor), type).tensor;
      const read = new Uint16Array(back.data.buffer);
      const limit = type === 'float16' ? 0x7c00 : 0x7f80;
      const isNaN = (index: number): boolean => (index & 0x7fff) > limit;
      expect(
        [...read].filter((value, index) => (isNaN(index) ? !isNaN(value) : value !== index)),
      ).toEqual([]);
      expect(print(new Tensor('float16', Uint16Array.of(0x2e66, 1, 0x7bff)))).toBe(
        '[0.1,6e-8,65500]',
      );
      expect(print(new Tensor('bfloat16', Uint16Array.of(0x3dcd, 0x4049)))).toBe('[0.1,3.14]');
    },
  );

  it("writes TensorFlow Serving's form", () => {
    const form = 'tensorflow';
    expect(
      print(float32([0.2, 3, 9e6, 0.00003, 16777216, 1 / 3, -0, 1e-45, 2 ** -14]), { form }),
    ).toBe('[0.2,3.0,9e+06,3e-05,16777216.0,0.333333343,-0.0,1.4013e-45,6.10351562e-05]');
    const random = seeded(13);
    const scaled = () => (random() - 0.5) * 10 ** (integerBelow(random, 40) - 20);
    const singles = Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0 ? finiteFloat32(random) : Math.fround(scaled()),
    );
    // toFixed and toExponential are exact, as is printf, but round halves up.
    const isTie = (value: number): boolean =>
      /[1-9]5$/.test(value.toPrecision(100).replace(/0+(e.*)?$/, ''));
    for (const [index, text] of print(float32(singles), { form })
      .slice(1, -1)
      .split(',')
      .entries()) {
      const value = singles[index] ?? 0;
      if (!isTie(value)) expect(text).toBe(tensorFlow(value, Math.fround, 9));
    }
    const doubles = Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0 ? finiteFloat64(random) : scaled(),
    );
    for (const [index, text] of print(float64(doubles), { form })
      .slice(1, -1)
      .split(',')
      .entries()) {
      const value = doubles[index] ?? 0;
      if (!isTie(value)) expect(text).toBe(tensorFlow(value, (read) => read, 17));
    }
  });

  it('writes NaN and infinities bare, or refuses them', () => {
    const values = [1, NaN, Infinity, -Infinity];
    const text = '[[1,NaN],[Infinity,-Infinity]]';
    for (const tensor of [float32(values, [2, 2]), float64(values, [2, 2])]) {
      expect(print(tensor)).toBe(text);
      expect(print(tensor, { form: 'tensorflow' })).toBe(text.replace('1', '1.0'));
      const refused = (): unknown => print(tensor, { nonFinite: 'refuse' });
      expect(refused).toThrow('tensor[0][1]: expected a finite number, got NaN');
      expect(codeOf(refused)).toBe('ERR_INVALID_ARGUMENT');
    }
    const path = 'outputs.y';
    const nonFinite = 'refuse';
    expect(() => print(float32([-Infinity], []), { nonFinite, path })).toThrow(
      'outputs.y: expected a finite number, got -Infinity',
    );
    expect(() => printNumberRows(float32([1, NaN]), { nonFinite })).toThrow('tensor[1]: expected');
    const rows = float32([1, 2, 3, NaN], [2, 1, 2]);
    expect(() => printNumberRows(rows, { nonFinite })).toThrow('tensor[1][0][1]: expected');
    const far = float32(Array.from({ length: 1000 }, (_, index) => (index === 900 ? NaN : 0)));
    expect(() => print(far, { nonFinite })).toThrow('tensor[900]: ');
  });

  it('writes integers of all types exactly, and bools', () => {
    const cases: [NumberType, readonly (number | bigint)[]][] = [
      ['int8', [-128, 127, 0]],
      ['uint8', [0, 255, 99]],
      ['int16', [-32768, 32767]],
      ['uint16', [65535, 100]],
      ['int32', [-2147483648, 2147483647]],
      ['uint32', [4294967295, 1000000000]],
      ['int64', [-(2n ** 63n), 2n ** 63n - 1n, 0n, 10n ** 18n, -9007199254740993n]],
      ['uint64', [2n ** 64n - 1n, 10n ** 19n, 10n ** 19n - 1n]],
    ];
    for (const [type, values] of cases) {
      const tensor = new Tensor(type, values as never);
      expect(print(tensor)).toBe(`[${values.join()}]`);
      expect(parseNumbers(printNumbers(tensor), type).tensor.data).toEqual(tensor.data);
    }
    expect(print(new Tensor('bool', [true, false], [2, 1]))).toBe('[[true],[false]]');
    const powers = Array.from({ length: 64 }, (_, bit) => 2n ** BigInt(bit));
    const near = powers.flatMap((power) => [power - 1n, power, power + 1n]);
    expect(print(new Tensor('uint64', near))).toBe(`[${near.join()}]`);
  });

  it('writes layouts and points', () => {
    const tensor = float32([1, 2.5, 3, 4, 5, 6], [1, 2, 3]);
    expect(print(tensor)).toBe('[[[1,2.5,3],[4,5,6]]]');
    expect(print(tensor, { layout: 'flat' })).toBe('[1,2.5,3,4,5,6]');
    expect(print(tensor, { decimalPoint: true })).toBe('[[[1.0,2.5,3.0],[4.0,5.0,6.0]]]');
    expect(print(float64([1e21, 1e20, -0]), { decimalPoint: true })).toBe(
      '[1e+21,100000000000000000000.0,-0.0]',
    );
    expect(print(float32([7], []), { layout: 'flat' })).toBe('[7]');
  });

  it('writes rows of the first dimension apart', () => {
    const { bytes, ends } = printNumberRows(float32([1, 2, 3, 4, 5, 6.5], [3, 2]));
    expect(bytes.toString()).toBe('[1,2][3,4][5,6.5]');
    expect([...ends]).toEqual([5, 10, 17]);
    const scalars = printNumberRows(new Tensor('int64', [1n, 22n, 333n]));
    expect(scalars.bytes.toString()).toBe('122333');
    expect([...scalars.ends]).toEqual([1, 3, 6]);
    expect(printNumberRows(float32([], [0, 5])).ends).toHaveLength(0);
    expect(printNumberRows(float32([], [2, 0])).bytes.toString()).toBe('[][]');
    expect(codeOf(() => printNumberRows(float32([1], [])))).toBe('ERR_SHAPE_MISMATCH');
    expect(codeOf(() => printNumberRows(float32([], [2 ** 30, 0])))).toBe('ERR_INVALID_ARGUMENT');
  });

  it('writes into memory that is given, exactly as much as fits', () => {
    const tensor = float32([1.5, -2.25, 3], [3]);
    const out = Buffer.alloc(20, '.');
    const text = printNumbers(tensor, { out, offset: 2 });
    expect(text.toString()).toBe('[1.5,-2.25,3]');
    expect(text.buffer).toBe(out.buffer);
    expect(out.toString()).toBe('..[1.5,-2.25,3].....');
    expect(print(tensor, { out: new Uint8Array(13) })).toBe('[1.5,-2.25,3]');
    for (let room = 0; room < 13; room++) {
      expect(codeOf(() => print(tensor, { out: new Uint8Array(room) }))).toBe('ERR_SHAPE_MISMATCH');
      expect(codeOf(() => print(tensor, { maxBytes: room }))).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(print(tensor, { maxBytes: 13 })).toBe('[1.5,-2.25,3]');
    const random = seeded(14);
    const many = float64(
      Array.from({ length: 3000 }, () => finiteFloat64(random)),
      [30, 100],
    );
    const whole = print(many);
    expect(print(many, { out: new Uint8Array(whole.length), maxBytes: whole.length })).toBe(whole);
    expect(codeOf(() => print(many, { out: new Uint8Array(whole.length - 1) }))).toBe(
      'ERR_SHAPE_MISMATCH',
    );
    expect(print(tensor, { out: new Uint8Array(new SharedArrayBuffer(13)) })).toBe('[1.5,-2.25,3]');
    // Over its own elements: what comes of it is unspecified.
    const own = new Uint8Array(tensor.data.buffer);
    expect(codeOf(() => print(tensor, { out: own }))).toBe('ERR_SHAPE_MISMATCH');
  });

  it('bears absurd dims', () => {
    for (const dims of [
      [1e9, 0],
      [1e9, 1e9, 0],
      [1e9, 1e9, 1e9, 0, 5],
    ]) {
      const tensor = { type: 'float32', data: new Float32Array(0), dims };
      const print = (): unknown => printNumbers(tensor, { maxBytes: 1 << 20 });
      expect(codeOf(print)).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(print(float32([], [0, 1e9]))).toBe('[]');
    const deep = float32(
      [1],
      Array.from({ length: 255 }, () => 1),
    );
    expect(print(deep)).toBe(`${'['.repeat(255)}1${']'.repeat(255)}`);
  });

  it('takes tensors of any kind and refuses others', () => {
    const pool = new TensorPool();
    const pooled = pool.acquire('int32', [2]);
    pooled.data.set([1, 2]);
    expect(print(pooled)).toBe('[1,2]');
    pooled.dispose();
    expect(codeOf(() => print(pooled))).toBe('ERR_TENSOR_DISPOSED');
    const shared = new Float32Array(new SharedArrayBuffer(8));
    expect(printNumbers({ type: 'float32', data: shared, dims: [2] }).toString()).toBe('[0,0]');
    const gone = float32([1]);
    structuredClone(gone.data.buffer, { transfer: [gone.data.buffer as ArrayBuffer] });
    expect(codeOf(() => print(gone))).toBe('ERR_BUFFER_DETACHED');
    expect(codeOf(() => print(new Tensor('string', ['1'])))).toBe('ERR_UNSUPPORTED');
    expect(codeOf(() => print(new Tensor('int4', new Uint8Array(1), [2])))).toBe('ERR_UNSUPPORTED');
    const call = printNumbers as (...args: unknown[]) => unknown;
    const tensor = float32([1]);
    for (const args of [
      [],
      [null],
      [[1, 2]],
      [{ type: 'float32', data: new Float32Array(1), dims: [-1] }],
      [tensor, { layout: 'rows' }],
      [tensor, { form: 'g' }],
      [tensor, { out: 'text' }],
      [tensor, { out: new Uint8Array(9), offset: 10 }],
      [tensor, { indent: 2 }],
    ]) {
      expect(codeOf(() => call(...args))).toBe('ERR_INVALID_ARGUMENT');
    }
    expect(codeOf(() => call({ type: 'float32', data: new Float64Array(1), dims: [1] }))).toBe(
      'ERR_TYPE_MISMATCH',
    );
    expect(codeOf(() => call({ type: 'float32', data: new Float32Array(1), dims: [2] }))).toBe(
      'ERR_SHAPE_MISMATCH',
    );
  });
});
