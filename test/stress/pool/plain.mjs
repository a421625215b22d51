// Without WebAssembly: ordinary buffers, one for each tensor, which their owners may transfer.
import { TensorPool } from 'onlite';

const assert = (condition, what) => {
  if (!condition) throw new Error(what);
};
assert(typeof WebAssembly === 'undefined', 'there is WebAssembly');

const pool = new TensorPool({ maxBytes: 1 << 20 });
const first = pool.acquire('float32', [100]);
const second = pool.acquire('float32', [100]);
assert(first.data.buffer !== second.data.buffer, 'tensors share a buffer');
const { buffer } = first.data;
first.dispose();
assert(pool.acquire('int32', [100]).data.buffer === buffer, 'not recycled');

structuredClone(second.data, { transfer: [second.data.buffer] });
assert(second.data.length === 0, 'not detached');
second.dispose();
const third = pool.acquire('float32', [100]);
assert(third.data.length === 100, 'a detached array is handed out');

const shared = new TensorPool({ shared: true }).acquire('float32', [100]);
assert(shared.data.buffer instanceof SharedArrayBuffer, 'not shared');
third.dispose();
pool.trim();
console.log(JSON.stringify(pool.stats));
