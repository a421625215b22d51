// More large tensors than there may be WebAssembly.Memories: the others have ordinary buffers.
import { TensorPool } from 'onlite';

const pool = new TensorPool({ maxBytes: 2 ** 40 });
const tensors = Array.from({ length: 1200 }, () => pool.acquire('uint8', [1 << 20]));
for (const [index, { data }] of tensors.entries()) data[index] = 1;
const right = tensors.every(({ data }, index) => data.length === 1 << 20 && data[index] === 1);
// Somebody else's Memory is still to be had.
new WebAssembly.Memory({ initial: 1 });
for (const tensor of tensors) tensor.dispose();
pool.trim();
for (let round = 0; round < 20; round += 1) {
  globalThis.gc();
  await new Promise(setImmediate);
}
// Collected Memories do not count any more.
const { buffer } = pool.acquire('uint8', [100]).data;
console.log(JSON.stringify({ right, bytes: buffer.byteLength }));
