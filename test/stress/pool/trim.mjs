// The memory of disposed tensors leaves the process at trim(), without a garbage collection.
import { TensorPool } from 'onlite';

const mebibytes = () => process.memoryUsage.rss() / 2 ** 20;
const pool = new TensorPool();
// Loads the addon, whose own pages are not to be counted.
pool.trim();
const kept = [];
const given = [];
for (let count = 0; count < 600; count += 1) {
  const tensor = pool.acquire('uint8', [100_000]);
  tensor.data.fill(1);
  // One in ten keeps its slab in use.
  (count % 10 === 0 ? kept : given).push(tensor);
}
const large = pool.acquire('uint8', [60 << 20]);
large.data.fill(1);
const touched = mebibytes();
large.dispose();
for (const tensor of given) tensor.dispose();
const bytes = pool.trim();
const intact = kept.every(({ data }) => data.every((value) => value === 1));
console.log(JSON.stringify({ given: bytes / 2 ** 20, left: touched - mebibytes(), intact }));
