import { TensorPool, Tensor, releaseBytes } from 'onlite';
import { describe, expect, it } from 'vitest';

const arrayBuffers = (): number => process.memoryUsage().arrayBuffers;

describe('releaseBytes', () => {
  it('gives memory back without the garbage collector', () => {
    const count = 200;
    const before = arrayBuffers();
    for (let at = 0; at < count; at++) expect(releaseBytes(new Uint8Array(1 << 20))).toBe(true);
    expect(arrayBuffers() - before).toBeLessThan((count / 2) << 20);
  });

  it('leaves all arrays over the buffer empty', () => {
    const bytes = Buffer.alloc(64, 7);
    const other = new Float32Array(bytes.buffer);
    expect(releaseBytes(bytes)).toBe(true);
    expect([bytes.length, other.length, bytes[0]]).toEqual([0, 0, undefined]);
    expect(() => releaseBytes(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_BUFFER_DETACHED' }),
    );
  });

  it('leaves memory alone that others may use', () => {
    const pool = new TensorPool();
    const { data } = pool.acquire('uint8', [1 << 20]);
    const parts = {
      part: new Uint8Array(8).subarray(1),
      first: new Uint8Array(8).subarray(0, 7),
      pooled: Buffer.from('of the pool'),
      shared: new Uint8Array(new SharedArrayBuffer(8)),
      wasm: new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer),
      tensor: data,
      empty: new Uint8Array(0),
    };
    for (const [name, bytes] of Object.entries(parts)) {
      const { length } = bytes;
      expect([name, releaseBytes(bytes as Uint8Array), bytes.length]).toEqual([
        name,
        false,
        length,
      ]);
    }
  });

  it('is known to a tensor over the memory', () => {
    const data = new Float32Array(4);
    const tensor = new Tensor('float32', data, [4]);
    releaseBytes(new Uint8Array(data.buffer));
    expect(tensor.data).toHaveLength(0);
  });

  it.each([undefined, null, 3, 'bytes', {}, new ArrayBuffer(8), new Float32Array(2)])(
    'says what is wrong with %o',
    (value) => {
      expect(() => releaseBytes(value as Uint8Array)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.stringContaining('bytes: expected a Uint8Array') as string,
        }),
      );
    },
  );
});
