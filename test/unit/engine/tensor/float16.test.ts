import { describe, expect, it } from 'vitest';

import { float16ToNumber, numberToFloat16 } from '../../../../lib/engine/tensor/float16';

const allBits = Array.from({ length: 0x10000 }, (_, bits) => bits);
const positive = allBits.slice(0, 0x7bff);

describe('float16', () => {
  it('gives every value its own bits', () => {
    const numbers = allBits.filter((bits) => !Number.isNaN(float16ToNumber(bits)));
    expect(numbers.map((bits) => numberToFloat16(float16ToNumber(bits)))).toEqual(numbers);
    expect(numberToFloat16(NaN)).toBe(0x7e00);
  });

  it('rounds what lies between two values to the nearer one, and halves to even', () => {
    const middles = positive.map((bits) => (float16ToNumber(bits) + float16ToNumber(bits + 1)) / 2);
    const even = positive.map((bits) => bits + (bits % 2));
    expect(middles.map(numberToFloat16)).toEqual(even);
    expect(middles.map((middle) => numberToFloat16(middle * (1 - 1e-9)))).toEqual(positive);
    const next = positive.map((bits) => 0x8000 | (bits + 1));
    expect(middles.map((middle) => numberToFloat16(-middle * (1 + 1e-9)))).toEqual(next);
  });

  it('ends at 65504', () => {
    expect(float16ToNumber(numberToFloat16(65519.9))).toBe(65504);
    expect(float16ToNumber(numberToFloat16(-65520))).toBe(-Infinity);
    expect(float16ToNumber(numberToFloat16(1e300))).toBe(Infinity);
  });
});
