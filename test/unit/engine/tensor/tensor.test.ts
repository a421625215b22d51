import { Tensor, dequantize, quantize, type ElementType } from 'onlite';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../../support';

/** Not in the language version that the types are of. */
const Resizable = ArrayBuffer as unknown as new (
  size: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(size: number): void };

const make = (...args: unknown[]): Tensor =>
  new (Tensor as unknown as new (...all: unknown[]) => Tensor)(...args);

describe('Tensor', () => {
  it.each<[ElementType, new (length: number) => ArrayLike<unknown>, number]>([
    ['float32', Float32Array, 6],
    ['float64', Float64Array, 6],
    ['bfloat16', Uint16Array, 6],
    ['int8', Int8Array, 6],
    ['uint8', Uint8Array, 6],
    ['int16', Int16Array, 6],
    ['uint16', Uint16Array, 6],
    ['int32', Int32Array, 6],
    ['uint32', Uint32Array, 6],
    ['int64', BigInt64Array, 6],
    ['uint64', BigUint64Array, 6],
    ['bool', Uint8Array, 6],
    ['int4', Uint8Array, 3],
    ['uint4', Uint8Array, 3],
    ['complex64', Uint8Array, 48],
    ['complex128', Uint8Array, 96],
    ['float8e4m3fn', Uint8Array, 6],
    ['uint2', Uint8Array, 2],
  ])('%s holds a %o', (type, array, length) => {
    const data = new array(length);
    const tensor = make(type, data, [2, 3]);
    expect(tensor.data).toBe(data);
    expect(tensor).toMatchObject({ type, dims: [2, 3], size: 6 });
    expect(codeOf(() => make(type, new array(length + 1), [2, 3]))).toBe('ERR_SHAPE_MISMATCH');
    expect(codeOf(() => make(type, new DataView(new ArrayBuffer(8))))).toBe('ERR_TYPE_MISMATCH');
  });

  it('takes 16-bit patterns as float16', () => {
    const tensor = make('float16', Uint16Array.of(0x3c00, 0xc000));
    expect(tensor.data.length).toBe(2);
    expect(new Uint16Array((tensor.data as Uint16Array).buffer)[0]).toBe(0x3c00);
  });

  it('converts plain arrays', () => {
    expect(make('int64', [1, 2n]).data).toEqual(BigInt64Array.of(1n, 2n));
    expect(make('float32', [1, 2]).data).toEqual(Float32Array.of(1, 2));
    expect(make('bool', [true, false]).data).toEqual(Uint8Array.of(1, 0));
    expect(make([true, false])).toMatchObject({ type: 'bool' });
    expect(make(['a', 'b'], [2, 1])).toMatchObject({ type: 'string', dims: [2, 1] });
    expect(make(Uint8ClampedArray.of(1, 2)).data).toEqual(Uint8Array.of(1, 2));
    expect(make(BigUint64Array.of(1n))).toMatchObject({ type: 'uint64', dims: [1] });
  });

  const detachedBytes = Uint8ClampedArray.of(1, 2);
  structuredClone(detachedBytes.buffer, { transfer: [detachedBytes.buffer] });

  it.each<[string, unknown[], string]>([
    ['an unknown type', ['float31', new Float32Array(1)], 'ERR_INVALID_ARGUMENT'],
    ['no data', ['float32'], 'ERR_TYPE_MISMATCH'],
    ['numbers for a packed type', ['int4', [1, 2]], 'ERR_TYPE_MISMATCH'],
    ['fractions as int64', ['int64', [1.5]], 'ERR_TYPE_MISMATCH'],
    ['an empty untyped array', [[]], 'ERR_INVALID_ARGUMENT'],
    ['numbers without a type', [[1, 2]], 'ERR_INVALID_ARGUMENT'],
    ['dims that are no array', ['float32', new Float32Array(1), 1], 'ERR_INVALID_ARGUMENT'],
    ['NaN dims', ['float32', new Float32Array(1), [NaN]], 'ERR_INVALID_ARGUMENT'],
    ['overflowing dims', ['float32', [], [2 ** 31, 2 ** 31]], 'ERR_INVALID_ARGUMENT'],
    ['a wrong size', ['float32', new Float32Array(3), [2, 2]], 'ERR_SHAPE_MISMATCH'],
    ['detached clamped bytes', ['uint8', detachedBytes, [2]], 'ERR_BUFFER_DETACHED'],
  ])('refuses %s', (_, args, code) => {
    expect(codeOf(() => make(...args))).toBe(code);
  });

  it('reshapes over the same data', () => {
    const tensor = make('float32', Float32Array.of(1, 2, 3, 4));
    expect(tensor.reshape([2, 2]).data).toBe(tensor.data);
    expect(codeOf(() => tensor.reshape([3]))).toBe('ERR_SHAPE_MISMATCH');
  });

  it('may be frozen and disposed', () => {
    const tensor = Object.freeze(new Tensor('float32', [1]));
    tensor.dispose();
    expect(tensor.location).toBe('none');
    expect(codeOf(() => tensor.data)).toBe('ERR_TENSOR_DISPOSED');
  });

  it('throws after dispose, which may be called twice', async () => {
    const tensor = make('float32', Float32Array.of(1));
    expect(await tensor.getData()).toBe(tensor.data);
    tensor.dispose();
    tensor.dispose();
    expect(tensor.location).toBe('none');
    expect(codeOf(() => tensor.data)).toBe('ERR_TENSOR_DISPOSED');
    await expect(tensor.getData()).rejects.toMatchObject({ code: 'ERR_TENSOR_DISPOSED' });
  });

  it('makes a tensor of an image', async () => {
    const image = { data: new Uint8ClampedArray(2 * 2 * 4).fill(255), width: 2, height: 2 };
    class ImageData {}
    Object.assign(globalThis, { ImageData });
    Object.setPrototypeOf(image, ImageData.prototype);
    const tensor = await Tensor.fromImage(image);
    expect(tensor).toBeInstanceOf(Tensor);
    expect(tensor).toMatchObject({ type: 'float32', dims: [1, 3, 2, 2] });
  });
});

describe('an image', () => {
  const pixels = (): Tensor => make('float32', new Float32Array(12), [1, 3, 2, 2]);
  const from = Tensor.fromImage;

  it('needs a canvas for some of its ways', async () => {
    expect(codeOf(() => pixels().toDataURL())).toBe('ERR_UNSUPPORTED');
    expect(codeOf(() => pixels().toImageData())).toBe('ERR_UNSUPPORTED');
    await expect(from('image.png')).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });

  it.each([[undefined], [null], [5], [{}]])('is not %s', async (image) => {
    await expect(from(image)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('memory', () => {
  it('that has gone is told from zeros', () => {
    const detached = (type: ElementType, data: Float32Array | Int8Array): Tensor => {
      const tensor = make(type, data);
      structuredClone(data.buffer, { transfer: [data.buffer] });
      return tensor;
    };
    const parameters = { scale: [1], zeroPoint: [0] };
    const float = detached('float32', Float32Array.of(1, 2));
    expect(codeOf(() => quantize(float, parameters, 'int8'))).toBe('ERR_BUFFER_DETACHED');
    const int = detached('int8', Int8Array.of(1, 2));
    expect(codeOf(() => dequantize(int, parameters))).toBe('ERR_BUFFER_DETACHED');
  });

  it('that has shrunk is not transferred in part', () => {
    const buffer = new Resizable(16, { maxByteLength: 16 });
    const tensor = make('float32', new Float32Array(buffer));
    buffer.resize(8);
    expect(codeOf(() => tensor.toTransferable())).toBe('ERR_BUFFER_DETACHED');
  });
});

describe('quantize', () => {
  it('rounds halves to even and clamps', () => {
    const x = make('float32', [0.5, 1.5, 2.5, -0.5, -1.5, 1000, -1000, NaN]) as Tensor<'float32'>;
    const q = quantize(x, { scale: [1], zeroPoint: [0] }, 'int8');
    expect(Array.from(q.data)).toEqual([0, 2, 2, 0, -2, 127, -128, 0]);
    expect(q.dims).toEqual([8]);
  });

  it('is undone by dequantize within half a step', () => {
    const values = Float32Array.from({ length: 24 }, (_, index) => Math.sin(index) * 3);
    const x = new Tensor('float32', values, [2, 3, 4]);
    const quantization = { scale: [0.03, 0.04, 0.05], zeroPoint: [3, -4, 0], axis: 1 };
    const back = dequantize(quantize(x, quantization, 'int8'), quantization);
    for (const [index, value] of back.data.entries()) {
      const step = quantization.scale[Math.floor(index / 4) % 3] ?? 0;
      expect(Math.abs(value - (values[index] ?? 0))).toBeLessThanOrEqual(step / 2 + 1e-6);
    }
  });

  it.each<[string, unknown[]]>([
    ['too few scales', [{ scale: [1], zeroPoint: [0], axis: 0 }, 'int8']],
    ['more scales without an axis', [{ scale: [1, 1], zeroPoint: [0, 0] }, 'int8']],
    ['a missing zero point', [{ scale: [1], zeroPoint: [] }, 'int8']],
    ['a float target', [{ scale: [1], zeroPoint: [0] }, 'float32']],
  ])('refuses %s', (_, rest) => {
    const x = new Tensor('float32', [1, 2]);
    expect(codeOf(() => (quantize as (...args: unknown[]) => unknown)(x, ...rest))).toBe(
      'ERR_INVALID_ARGUMENT',
    );
  });
});
