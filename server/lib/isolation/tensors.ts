import { Tensor, type TensorPool } from 'onlite';

import type { SentTensor } from './messages';

/** A tensor as it is sent: its bytes are copied when the message is written. */
export function sent(name: string, { type, dims, data }: Tensor): SentTensor {
  const bytes = data as unknown;
  if (!ArrayBuffer.isView(bytes)) return { name, type, dims, data: data as unknown as string[] };
  const { buffer, byteOffset, byteLength } = bytes;
  return { name, type, dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** The same in memory of a pool. @throws OnliteError ERR_POOL_EXHAUSTED */
export function received({ type, dims, data }: SentTensor, pool: TensorPool): Tensor {
  if (type === 'string' || !(data instanceof Uint8Array)) {
    return new Tensor('string', data as string[], dims);
  }
  const tensor = pool.acquire(type, dims) as unknown as Tensor;
  const { buffer, byteOffset, byteLength } = tensor.data as unknown as Uint8Array;
  new Uint8Array(buffer, byteOffset, byteLength).set(data);
  return tensor;
}
