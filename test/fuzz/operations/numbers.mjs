// Numbers of JSON: what is printed reads back equal, and damaged text has a typed error or a value.
import { OnliteError, parseNumbers, printNumbers } from 'onlite';

const types = [
  'float32',
  'float64',
  'int8',
  'uint16',
  'int32',
  'int64',
  'uint64',
  'bool',
  'float16',
];
const damages = ['', '[', ']', ',', '-', 'e', '.', '0', '"', 'NaN', '\0', '9'.repeat(400), 'é'];

const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

export async function numbers(world, random) {
  const pool = world.pools[random.pick(['pooled', 'zeroed'])];
  const type = random.pick(types);
  const tensor = pool.acquire(type, [random.below(5), 1 + random.below(40)]);
  const { data, dims } = tensor;
  const bytes = bytesOf(data);
  for (let at = 0; at < bytes.length; at++)
    bytes[at] = type === 'bool' ? random.below(2) : random.below(256);
  // Of a NaN only that it is one comes back.
  if (type.startsWith('float'))
    for (let at = 0; at < data.length; at++) if (Number.isNaN(data[at])) data[at] = 0;
  const text = printNumbers(tensor, { form: random.pick(['shortest', 'tensorflow']) });
  world.count('numbers');
  // float16 may be bits, of which some are NaN.
  if (type !== 'float16') {
    const { tensor: back, end } = parseNumbers(text, type, null, { dims: [...dims] });
    world.check(end === text.length, 'numbers: the end');
    world.check(bytesOf(back.data).equals(bytes), `numbers: ${type} reads back otherwise`);
  }
  const at = random.below(text.length + 1);
  const damaged = Buffer.concat([
    text.subarray(0, at),
    Buffer.from(random.pick(damages)),
    text.subarray(Math.min(text.length, at + random.below(3))),
  ]);
  try {
    // Memory that may be too small, or too large.
    const out = random.oneIn(2) ? tensor : undefined;
    const { end } = parseNumbers(damaged, type, out, { partial: random.oneIn(2) });
    world.check(end <= damaged.length, 'numbers: the end of damaged text');
  } catch (error) {
    world.check(error instanceof OnliteError, `numbers: ${error}`);
  }
  tensor.dispose();
}
