// As many large tensors as an app may want, with Electron's limits: the process has 1 TiB of addresses
// (`ulimit -v`), and says that it is Electron. Others must still get memory then.
Object.defineProperty(process.versions, 'electron', { value: '45.5.0', configurable: true });
const { InferenceSession, TensorPool } = await import('onlite');

const ROWS = 100_000;
const pool = new TensorPool({ maxBytes: 2 ** 40 });
const tensors = Array.from({ length: 150 }, () => pool.acquire('float32', [ROWS, 3]));
for (const [index, { data }] of tensors.entries()) data.fill(index);
const isWhole = tensors.every(({ data }, index) => data[0] === index && data.at(-1) === index);

let others = 0;
try {
  for (const memories = []; others < 40; others += 1) {
    memories.push(new WebAssembly.Memory({ initial: 1, maximum: 1 }));
  }
} catch {
  // There is none left.
}
const session = await InferenceSession.create(process.argv[2]);
// Of the first Memories, and in an ordinary array.
const results = [];
for (const index of [0, 149]) {
  const { data } = (await session.run({ x: tensors[index] })).y;
  results.push(data.length === ROWS * 3 && data.every((value) => value === index));
}
console.log(JSON.stringify({ isWhole, others, results }));
