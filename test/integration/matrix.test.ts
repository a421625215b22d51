import {
  InferenceSession,
  Tensor,
  type IoBinding,
  TensorPool,
  type ElementType,
  type SessionOptions,
} from 'onlite';
import { describe, expect, it } from 'vitest';

import { fixture } from './support';

/*
 * Every kind of memory, for the input and for the output, by every element type and way
 * of running: models that only move bytes give the input's where they are asked for, and
 * write nothing beside.
 */

type Numeric = Exclude<ElementType, 'string'>;
type Bytes = Uint8Array;

const Resizable = ArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer;
const Growable = SharedArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => SharedArrayBuffer;

const bytesPerElement: Record<string, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
  complex64: 8,
  complex128: 16,
  float8e4m3fn: 1,
  float8e4m3fnuz: 1,
  float8e5m2: 1,
  float8e5m2fnuz: 1,
};

const pool = new TensorPool();
const sharedPool = new TensorPool({ shared: true });

/** Filled around a tensor's bytes to see that nothing else is written. */
const margin = 64;
const filler = 0xa5;

/** A tensor, its bytes, and the bytes around it. */
interface Place {
  tensor: Tensor;
  bytes: Bytes;
  around: Bytes[];
  dispose: () => void;
}

/** The class of a type's data in this engine. */
const classes = new Map<Numeric, DataClass>();
interface DataClass {
  BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, at: number, length: number): never;
}
function classOf(type: Numeric): DataClass {
  let found = classes.get(type);
  if (found === undefined) {
    using tensor = pool.acquire(type, [1]);
    found = tensor.data.constructor as unknown as DataClass;
    classes.set(type, found);
  }
  return found;
}

function inBuffer(type: Numeric, dims: number[], buffer: ArrayBufferLike, offset: number): Place {
  const byteLength = dims.reduce((product, dim) => product * dim, bytesPerElement[type] ?? 1);
  const all = new Uint8Array(buffer);
  const kind = classOf(type);
  const data = new kind(buffer, offset, byteLength / kind.BYTES_PER_ELEMENT);
  return {
    tensor: new Tensor(type, data, dims) as Tensor,
    bytes: all.subarray(offset, offset + byteLength),
    around: [all.subarray(0, offset), all.subarray(offset + byteLength)],
    dispose: () => undefined,
  };
}

function inPool(from: TensorPool, type: Numeric, dims: number[]): Place {
  const tensor = from.acquire(type, dims) as Tensor;
  const { buffer, byteOffset, byteLength } = tensor.data as unknown as Uint8Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return {
    tensor,
    bytes,
    around: [],
    dispose: () => {
      tensor.dispose();
    },
  };
}

type Make = (type: Numeric, dims: number[]) => Place;
const sizeOf = (type: Numeric, dims: number[]): number =>
  dims.reduce((product, dim) => product * dim, bytesPerElement[type] ?? 1);

const memories: [string, Make][] = [
  ['an array', (type, dims) => inBuffer(type, dims, new ArrayBuffer(sizeOf(type, dims)), 0)],
  [
    'a slice',
    (type, dims) => inBuffer(type, dims, new ArrayBuffer(sizeOf(type, dims) + 2 * margin), 16),
  ],
  ['a pool', (type, dims) => inPool(pool, type, dims)],
  ['a shared pool', (type, dims) => inPool(sharedPool, type, dims)],
  [
    'a SharedArrayBuffer',
    (type, dims) =>
      inBuffer(type, dims, new SharedArrayBuffer(sizeOf(type, dims) + 2 * margin), margin),
  ],
  [
    'a growable SharedArrayBuffer',
    (type, dims) => {
      const size = sizeOf(type, dims) + 2 * margin;
      return inBuffer(type, dims, new Growable(size, { maxByteLength: 2 * size }), 32);
    },
  ],
  [
    'a resizable ArrayBuffer',
    (type, dims) => {
      const size = sizeOf(type, dims) + 2 * margin;
      return inBuffer(type, dims, new Resizable(size, { maxByteLength: 2 * size }), margin);
    },
  ],
];

interface Names {
  input: string;
  output: string;
}

/** Runs from one place to another; the result is there when it has settled. */
type Way = (session: InferenceSession, names: Names, from: Place, to: Place) => Promise<Tensor>;

const fed = ({ input }: Names, from: Place): Record<string, Tensor> => ({ [input]: from.tensor });

function bound(
  session: InferenceSession,
  { input, output }: Names,
  from: Place,
  to: Place,
): IoBinding {
  return session.bind({ inputs: { [input]: from.tensor }, outputs: { [output]: to.tensor } });
}

/** Beside the values of the places before the run, the bytes that were there are changed. */
function scramble(place: Place, seed: number): void {
  for (let index = 0; index < place.bytes.length; index++) {
    // No NaN that could be made another, no bool but 0 and 1.
    place.bytes[index] = (Math.imul(seed + index, 0x9e3779b1) >>> 15) & 1;
  }
}

const resultOf = (result: InferenceSession.ReturnType, { output }: Names): Tensor =>
  result[output] as Tensor;

const ways: [string, Way][] = [
  ['run', async (s, n, from) => resultOf(await s.run(fed(n, from)), n)],
  ['runSync', (s, n, from) => Promise.resolve(resultOf(s.runSync(fed(n, from)), n))],
  ['run, a name', async (s, n, from) => resultOf(await s.run(fed(n, from), [n.output]), n)],
  ['run, ordinary', async (s, n, from) => resultOf(await s.run(fed(n, from), { tag: 't' }), n)],
  [
    'runSync, ordinary',
    (s, n, from) => Promise.resolve(resultOf(s.runSync(fed(n, from), { tag: 't' }), n)),
  ],
  ['run, pool', async (s, n, from) => resultOf(await s.run(fed(n, from), { pool }), n)],
  [
    'runSync, shared pool',
    (s, n, from) => Promise.resolve(resultOf(s.runSync(fed(n, from), { pool: sharedPool }), n)),
  ],
  [
    'run, fetches',
    async (s, n, from, to) => resultOf(await s.run(fed(n, from), { [n.output]: to.tensor }), n),
  ],
  [
    'runSync, fetches',
    (s, n, from, to) =>
      Promise.resolve(resultOf(s.runSync(fed(n, from), { [n.output]: to.tensor }), n)),
  ],
  [
    'run, fetches, ordinary',
    async (s, n, from, to) =>
      resultOf(await s.run(fed(n, from), { [n.output]: to.tensor }, { tag: 't' }), n),
  ],
  [
    'runSync, fetches, ordinary',
    (s, n, from, to) =>
      Promise.resolve(
        resultOf(s.runSync(fed(n, from), { [n.output]: to.tensor }, { tag: 't' }), n),
      ),
  ],
  [
    'bound runSync',
    (s, n, from, to) => {
      using io = bound(s, n, from, to);
      for (let round = 0; round < 2; round++) {
        scramble(to, round);
        io.runSync();
      }
      return Promise.resolve(to.tensor);
    },
  ],
  [
    'bound run',
    async (s, n, from, to) => {
      using io = bound(s, n, from, to);
      await io.run();
      return to.tensor;
    },
  ],
  [
    'bound run and runSync',
    async (s, n, from, to) => {
      using io = bound(s, n, from, to);
      await io.run();
      scramble(to, 1);
      io.runSync();
      scramble(to, 0);
      await io.run();
      return to.tensor;
    },
  ],
];

const models = [
  ...[
    'bfloat16',
    'bool',
    'float16',
    'float32',
    'float64',
    'float8e4m3fn',
    'float8e4m3fnuz',
    'float8e5m2',
    'float8e5m2fnuz',
    'int16',
    'int32',
    'int64',
    'int8',
    'uint16',
    'uint32',
    'uint64',
    'uint8',
  ].map((type) => `identity_${type}.onnx`),
  ...[
    'bool',
    'complex128',
    'complex64',
    'float16',
    'float32',
    'float64',
    'int16',
    'int32',
    'int64',
    'int8',
    'uint16',
    'uint32',
    'uint64',
    'uint8',
  ].map((type) => `identity_${type}.tflite`),
];

let checks = 0;

function check(what: string, from: Place, to: Place, dims: number[], got: Tensor): void {
  const { buffer, byteOffset, byteLength } = got.data as unknown as Uint8Array;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  checks += 2 + to.around.length + from.around.length;
  if (Buffer.compare(bytes, from.bytes) !== 0) expect([...bytes], what).toEqual([...from.bytes]);
  if (got.dims.join() !== dims.join()) expect(got.dims, what).toEqual(dims);
  for (const rest of [...to.around, ...from.around]) {
    if (!rest.every((byte) => byte === filler)) {
      throw new Error(`${what}: written beside the tensor`);
    }
  }
}

/** @param outputDims - of an input's */
async function checkWays(
  session: InferenceSession,
  type: Numeric,
  shapes: number[][],
  outputDims: (dims: number[]) => number[],
  all: typeof ways,
): Promise<void> {
  const names = { input: session.inputNames[0] ?? '', output: session.outputNames[0] ?? '' };
  for (const dims of shapes) {
    for (const [source, makeFrom] of memories) {
      for (const [target, makeTo] of memories) {
        for (const [way, run] of all) {
          const from = makeFrom(type, dims);
          const to = makeTo(type, outputDims(dims));
          for (const rest of [...from.around, ...to.around]) rest.fill(filler);
          scramble(from, checks);
          scramble(to, checks + 1);
          const got = await run(session, names, from, to);
          const what = `${way} from ${source} to ${target}, [${dims.join()}]`;
          check(what, from, to, outputDims(dims), got);
          if (got !== to.tensor) got.dispose();
          from.dispose();
          to.dispose();
        }
      }
    }
  }
}

const onThreads = ways.filter(([way]) => way.startsWith('run') && !way.startsWith('runSync'));
const same = (dims: number[]): number[] => dims;

describe('every kind of memory', () => {
  const typeOf = (file: string): Numeric => /identity_(.*)\./.exec(file)?.[1] as Numeric;
  const open = (file: string, options: SessionOptions): Promise<InferenceSession> =>
    InferenceSession.create(fixture(file), { ...options, intraOpNumThreads: 1 });

  it.each(models.filter((file) => file.endsWith('.tflite')))('by every way of %s', async (file) => {
    await using session = await open(file, {});
    await checkWays(session, typeOf(file), [[2, 3]], ([a = 0, b = 0]) => [b, a], ways);
  });

  const onnxModels = models.filter((file) => file.endsWith('.onnx'));
  it.each(onnxModels)('by every way of %s, whose rows are', async (file) => {
    await using dynamic = await open(file, {});
    await checkWays(dynamic, typeOf(file), [[40, 3]], same, ways);
    await using fixed = await open(file, { freeDimensionOverrides: { rows: 5 } });
    await checkWays(fixed, typeOf(file), [[5, 3]], same, ways);
    await using batched = await open(file, { batching: { maxBatchSize: 8 } });
    await checkWays(
      batched,
      typeOf(file),
      [
        [2, 3],
        [9, 3],
      ],
      same,
      onThreads,
    );
  });

  it('was looked at often, and all memory came back', () => {
    expect(checks).toBeGreaterThan(50_000);
    expect(pool.stats.bytesInUse + sharedPool.stats.bytesInUse).toBe(0);
  });
});
