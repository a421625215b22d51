import { Tensor, TensorPool, type ElementType } from 'onlite';
import { describe, expect, it } from 'vitest';

import { codeOf } from '../../../support';

type Pooled = Exclude<ElementType, 'string'>;

const KIB = 1024;
const MIB = 1024 * KIB;

const acquire = (pool: TensorPool, ...args: unknown[]): Tensor =>
  (pool.acquire as (...all: unknown[]) => Tensor).apply(pool, args);
const bytesOf = (tensor: Tensor): ArrayBufferView => tensor.data as Uint8Array;

describe('acquire', () => {
  it.each<[Pooled, new (length: number) => ArrayLike<unknown>, number]>([
    ['float32', Float32Array, 15],
    ['float64', Float64Array, 15],
    ['bfloat16', Uint16Array, 15],
    ['int8', Int8Array, 15],
    ['uint8', Uint8Array, 15],
    ['int16', Int16Array, 15],
    ['uint16', Uint16Array, 15],
    ['int32', Int32Array, 15],
    ['uint32', Uint32Array, 15],
    ['int64', BigInt64Array, 15],
    ['uint64', BigUint64Array, 15],
    ['bool', Uint8Array, 15],
    ['int4', Uint8Array, 8],
    ['uint4', Uint8Array, 8],
    ['complex64', Uint8Array, 120],
    ['complex128', Uint8Array, 240],
    ['float8e4m3fn', Uint8Array, 15],
    ['float4e2m1', Uint8Array, 8],
    ['int2', Uint8Array, 4],
    ['uint2', Uint8Array, 4],
  ])('%s gives a %o of the right length', (type, array, length) => {
    const tensor = new TensorPool().acquire(type, [3, 5]);
    expect(tensor).toBeInstanceOf(Tensor);
    expect(tensor).toMatchObject({ type, dims: [3, 5], size: 15, location: 'cpu' });
    expect(tensor.data).toBeInstanceOf(array);
    expect(tensor.data.length).toBe(length);
    expect(tensor.data).toBe(tensor.data);
  });

  it('gives float16 the class that the engine has', () => {
    const { data } = new TensorPool().acquire('float16', [3]);
    const ordinary = new Tensor('float16', new Uint16Array(3));
    expect(data.constructor).toBe(ordinary.data.constructor);
    expect(data.length).toBe(3);
  });

  it.each([1, 63, 64, 65, 1000, 1025, 600 * KIB, MIB - 1, MIB, MIB + 1, 5 * MIB])(
    'aligns tensors of %i bytes to 64 bytes without overlap',
    (bytes) => {
      const pool = new TensorPool();
      const tensors = Array.from({ length: 5 }, () => pool.acquire('uint8', [bytes]));
      for (const [index, tensor] of tensors.entries()) tensor.data.fill(index + 1);
      for (const [index, tensor] of tensors.entries()) {
        expect(tensor.data.byteOffset % 64).toBe(0);
        expect(tensor.data.length).toBe(bytes);
        expect(tensor.data.every((value) => value === index + 1)).toBe(true);
      }
    },
  );

  it('puts small tensors together, and large ones in buffers of their own', () => {
    const pool = new TensorPool();
    const small = [pool.acquire('int8', [100]), pool.acquire('float64', [100])] as const;
    expect(small[0].data.buffer).toBe(small[1].data.buffer);
    expect(small[0].data.buffer.byteLength).toBe(MIB + 64 * KIB);
    const large = [pool.acquire('int8', [MIB]), pool.acquire('int8', [2 * MIB + 1])] as const;
    expect(large[0].data.buffer.byteLength).toBe(MIB + 64 * KIB);
    expect(large[1].data.buffer.byteLength % (64 * KIB)).toBe(0);
    expect(large[1].data.buffer.byteLength).toBeLessThanOrEqual((2 * MIB * 17) / 16 + 64 * KIB);
  });

  it.each([false, true])('has 64 bytes behind every tensor, shared: %s', (shared) => {
    const pool = new TensorPool({ shared });
    const image = 224 * 224 * 3;
    const sizes = [64, 4096, 65_536, 5 * 65_536, 512 * KIB, image, 4 * image, MIB - 64];
    // So many that they reach the end of a slab, whatever their size; and large ones.
    const many = sizes.flatMap((bytes) => Array<number>(Math.ceil(MIB / bytes) + 1).fill(bytes));
    for (const bytes of [...many, MIB - 1, MIB, 17 * 65_536, 5 * MIB]) {
      const { buffer, byteOffset, byteLength } = bytesOf(pool.acquire('uint8', [bytes]));
      expect(buffer.byteLength - byteOffset - byteLength).toBeGreaterThanOrEqual(64);
    }
  });

  it('does not see its dims change', () => {
    const dims = [2, 3];
    const tensor = new TensorPool().acquire('float32', dims);
    dims[0] = 9;
    expect(tensor.dims).toEqual([2, 3]);
  });

  it.each<[number[]]>([[[0]], [[3, 0, 5]], [[0, 2 ** 40]]])('gives dims %j no memory', (dims) => {
    const pool = new TensorPool();
    using tensor = pool.acquire('float32', dims);
    expect(tensor.data).toEqual(new Float32Array(0));
    expect(tensor.size).toBe(0);
    expect(pool.stats.bytesInUse).toBe(0);
  });

  it('gives a scalar one element', () => {
    const tensor = new TensorPool().acquire('int64', []);
    expect(tensor).toMatchObject({ dims: [], size: 1 });
    expect(tensor.data.length).toBe(1);
  });

  it.each<[string, unknown[], string]>([
    ['strings', ['string', [1]], 'ERR_UNSUPPORTED'],
    ['an unknown type', ['float31', [1]], 'ERR_INVALID_ARGUMENT'],
    ['no type', [undefined, [1]], 'ERR_INVALID_ARGUMENT'],
    ['no dims', ['float32'], 'ERR_INVALID_ARGUMENT'],
    ['a number as dims', ['float32', 4], 'ERR_INVALID_ARGUMENT'],
    ['a typed array as dims', ['float32', Int32Array.of(4)], 'ERR_INVALID_ARGUMENT'],
    ['a negative dim', ['float32', [2, -1]], 'ERR_INVALID_ARGUMENT'],
    ['a fraction', ['float32', [1.5]], 'ERR_INVALID_ARGUMENT'],
    ['NaN', ['float32', [NaN]], 'ERR_INVALID_ARGUMENT'],
    ['a hole', ['float32', new Array(2)], 'ERR_INVALID_ARGUMENT'],
    ['more dims than a tensor has', ['float32', Array(256).fill(1)], 'ERR_INVALID_ARGUMENT'],
    ['an array of any length', ['float32', new Array(2 ** 32 - 1)], 'ERR_INVALID_ARGUMENT'],
    ['a bigint', ['float32', [4n]], 'ERR_INVALID_ARGUMENT'],
    ['more elements than can be counted', ['int8', [2 ** 31, 2 ** 31]], 'ERR_INVALID_ARGUMENT'],
    ['an infinite product', ['int8', Array(99).fill(2 ** 50)], 'ERR_INVALID_ARGUMENT'],
    ['more bytes than can be counted', ['complex128', [2 ** 52]], 'ERR_POOL_EXHAUSTED'],
    ['more than maxBytes', ['int8', [2 ** 30 + 1]], 'ERR_POOL_EXHAUSTED'],
  ])('refuses %s', (_, args, code) => {
    const pool = new TensorPool();
    expect(codeOf(() => acquire(pool, ...args))).toBe(code);
    expect(pool.stats).toMatchObject({ bytesInUse: 0, bytesFree: 0 });
  });

  it('refuses an array larger than any with a typed error', () => {
    const pool = new TensorPool({ maxBytes: 2 ** 46 });
    expect(codeOf(() => pool.acquire('int8', [2 ** 45]))).toBe('ERR_OUT_OF_MEMORY');
    expect(pool.stats.bytesInUse).toBe(0);
  });
});

describe('dispose', () => {
  it('gives the memory back, once', () => {
    const pool = new TensorPool();
    const first = pool.acquire('float32', [256]);
    const { byteOffset } = bytesOf(first);
    const { buffer } = first.data;
    first.dispose();
    first.dispose();
    expect(pool.stats).toMatchObject({ bytesInUse: 0, bytesFree: 1024, hits: 0, misses: 1 });
    expect(codeOf(() => first.data)).toBe('ERR_TENSOR_DISPOSED');
    expect(first.location).toBe('none');
    const second = pool.acquire('float32', [256]);
    const third = pool.acquire('float32', [256]);
    expect([second.data.buffer, second.data.byteOffset]).toEqual([buffer, byteOffset]);
    expect(third.data.byteOffset).not.toBe(byteOffset);
    expect(pool.stats).toMatchObject({ bytesInUse: 2048, bytesFree: 0, hits: 1, misses: 2 });
    first.dispose();
    expect(pool.stats.bytesInUse).toBe(2048);
    expect(second.data.length).toBe(256);
  });

  it('happens at the end of a using block', () => {
    const pool = new TensorPool();
    {
      using tensor = pool.acquire('uint8', [10]);
      tensor.data.fill(1);
      expect(pool.stats.bytesInUse).toBe(64);
    }
    expect(pool.stats.bytesInUse).toBe(0);
  });

  it('lets another type and length have the memory', () => {
    const pool = new TensorPool();
    pool.acquire('float32', [256]).dispose();
    const tensor = pool.acquire('int64', [127]);
    expect(tensor.data).toBeInstanceOf(BigInt64Array);
    expect(tensor.data.length).toBe(127);
    expect(pool.stats).toMatchObject({ hits: 1, misses: 1 });
  });

  it('leaves a reshaped tensor readable, without the memory', () => {
    const pool = new TensorPool();
    const tensor = pool.acquire('float32', [4]);
    const reshaped = tensor.reshape([2, 2]);
    expect(reshaped.data).toBe(tensor.data);
    reshaped.dispose();
    expect(pool.stats.bytesInUse).toBe(64);
    tensor.dispose();
    expect(pool.stats.bytesInUse).toBe(0);
  });
});

describe('maxBytes', () => {
  it('is never exceeded; free slabs go first', () => {
    const pool = new TensorPool({ maxBytes: 4 * MIB });
    const held = [pool.acquire('uint8', [MIB]), pool.acquire('uint8', [MIB])];
    pool.acquire('uint8', [2 * MIB]).dispose();
    expect(pool.stats).toMatchObject({ bytesInUse: 2 * MIB, bytesFree: 2 * MIB });
    // Does not fit beside the free 2 MiB.
    held.push(pool.acquire('uint8', [1.5 * MIB]));
    expect(pool.stats).toMatchObject({ bytesInUse: 3.5 * MIB, bytesFree: 0 });
    expect(codeOf(() => pool.acquire('uint8', [MIB]))).toBe('ERR_POOL_EXHAUSTED');
    held[0]!.dispose();
    held.push(pool.acquire('uint8', [MIB]));
    expect(pool.stats).toMatchObject({ bytesInUse: 3.5 * MIB, highWaterBytes: 4 * MIB });
  });

  it.each([64, 1000, 600 * KIB, 3 * MIB + 64 * KIB])('of %i fits a tensor of its size', (bytes) => {
    const pool = new TensorPool({ maxBytes: bytes });
    for (let repetition = 0; repetition < 3; repetition++) {
      using tensor = pool.acquire('uint8', [bytes]);
      expect(tensor.data.length).toBe(bytes);
      expect(codeOf(() => pool.acquire('uint8', [bytes]))).toBe('ERR_POOL_EXHAUSTED');
    }
  });

  it('lets a small tensor have a larger free block rather than none', () => {
    const pool = new TensorPool({ maxBytes: 4096 });
    const first = pool.acquire('uint8', [2048]);
    const second = pool.acquire('uint8', [2048]);
    first.dispose();
    expect(pool.acquire('uint8', [10]).data.length).toBe(10);
    expect(codeOf(() => pool.acquire('uint8', [10]))).toBe('ERR_POOL_EXHAUSTED');
    second.dispose();
  });

  it('refuses with the numbers in the message', () => {
    const pool = new TensorPool({ maxBytes: MIB });
    pool.acquire('uint8', [1024]);
    expect(() => pool.acquire('uint8', [MIB])).toThrow(/1048576 bytes.*1024 are in use/);
  });
});

describe('options', () => {
  it.each<[string, unknown]>([
    ['an unknown key', { maxByte: 1 }],
    ['no number', { maxBytes: '1' }],
    ['zero bytes', { maxBytes: 0 }],
    ['a fraction', { maxBytes: 1.5 }],
    ['infinity', { maxBytes: Infinity }],
    ['a shared that is no boolean', { shared: 1 }],
    ['an array', []],
    ['null', null],
  ])('refuse %s', (_, options) => {
    expect(codeOf(() => new TensorPool(options as object))).toBe('ERR_INVALID_ARGUMENT');
  });

  it('shared gives SharedArrayBuffers', () => {
    const pool = new TensorPool({ shared: true });
    expect(pool.shared).toBe(true);
    for (const dims of [[4], [MIB], [0]]) {
      expect(pool.acquire('float32', dims).data.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
  });

  it('zero clears what an earlier tensor left', () => {
    const pool = new TensorPool({ zero: true });
    const first = pool.acquire('int64', [100]);
    first.data.fill(-1n);
    first.dispose();
    const second = pool.acquire('int64', [100]);
    expect(pool.stats.hits).toBe(1);
    expect(second.data.every((value) => value === 0n)).toBe(true);
  });
});

describe('trim and dispose of a pool', () => {
  it('trim drops what no tensor uses', () => {
    const pool = new TensorPool();
    const kept = pool.acquire('uint8', [2 * MIB]);
    kept.data.fill(5);
    pool.acquire('uint8', [3 * MIB]).dispose();
    pool.acquire('uint8', [100]).dispose();
    pool.trim();
    expect(pool.stats).toMatchObject({ bytesInUse: 2 * MIB, bytesFree: 0 });
    expect(kept.data.every((value) => value === 5)).toBe(true);
    expect(pool.acquire('uint8', [100]).data.length).toBe(100);
  });

  it('trim does not touch tensors beside free ones', () => {
    const pool = new TensorPool();
    const tensors = Array.from({ length: 60 }, (_, index) => pool.acquire('uint8', [3000 + index]));
    for (const [index, tensor] of tensors.entries()) tensor.data.fill(index + 1);
    const live = tensors.filter((_, index) => index % 7 === 0);
    for (const tensor of tensors) if (!live.includes(tensor)) tensor.dispose();
    pool.trim();
    for (const [index, tensor] of live.entries()) {
      expect(tensor.data.every((value) => value === index * 7 + 1)).toBe(true);
    }
    expect(pool.acquire('uint8', [3000]).data.fill(1).length).toBe(3000);
  });

  it('a disposed pool lets its tensors live', () => {
    const pool = new TensorPool();
    const tensor = pool.acquire('uint8', [100]);
    const other = pool.acquire('uint8', [200]);
    other.dispose();
    tensor.data.fill(3);
    pool[Symbol.dispose]();
    pool.dispose();
    expect(codeOf(() => pool.acquire('uint8', [200]))).toBe('ERR_POOL_EXHAUSTED');
    expect(tensor.data.every((value) => value === 3)).toBe(true);
    tensor.dispose();
    expect(pool.stats).toMatchObject({ bytesInUse: 0, bytesFree: 0 });
  });
});

describe('toTransferable', () => {
  it('copies exactly the data into a buffer of its own', () => {
    const tensor = new TensorPool({ shared: true }).acquire('int16', [5]);
    tensor.data.set([1, 2, 3, 4, 5]);
    const buffer = tensor.toTransferable();
    expect(buffer).toBeInstanceOf(ArrayBuffer);
    expect(new Int16Array(buffer)).toEqual(Int16Array.of(1, 2, 3, 4, 5));
    const moved = structuredClone(buffer, { transfer: [buffer] });
    expect(moved.byteLength).toBe(10);
    expect(tensor.data[4]).toBe(5);
  });

  it('is for ordinary tensors too, and names what it cannot do', () => {
    const data = Float32Array.of(1, 2);
    const tensor = new Tensor('float32', data);
    expect(new Float32Array(tensor.toTransferable())).toEqual(data);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    expect(codeOf(() => tensor.toTransferable())).toBe('ERR_BUFFER_DETACHED');
    expect(codeOf(() => new Tensor('string', ['a']).toTransferable())).toBe('ERR_UNSUPPORTED');
    tensor.dispose();
    expect(codeOf(() => tensor.toTransferable())).toBe('ERR_TENSOR_DISPOSED');
  });
});

it('memory is not detached by a transfer', () => {
  const tensor = new TensorPool().acquire('uint8', [100]);
  tensor.data.fill(9);
  try {
    structuredClone(tensor.data, { transfer: [tensor.data.buffer as ArrayBuffer] });
  } catch (error) {
    // A copy on Node 20, an error from Node 24 on.
    expect((error as Error).name).toMatch(/TypeError|DataCloneError/);
  }
  expect(tensor.data.length).toBe(100);
  expect(tensor.data.every((value) => value === 9)).toBe(true);
});
