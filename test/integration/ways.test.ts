import { readdirSync } from 'node:fs';

import { InferenceSession, Tensor, type SessionOptions } from 'onlite';
import { describe, expect, it } from 'vitest';

import { decodeTensor, fixturePath, readFixture, readIndex } from '../fixtures/load';
import { encodeOnnx, float32, type OnnxNode, type OnnxValue } from './onnx-encoder';
import { floats } from './support';
import {
  declaredOf,
  makesOtherShapes,
  outcomeOf,
  pool,
  ways,
  type Outcome,
  type Request,
  type Way,
} from './ways';

/*
 * The same feeds by every way of running give equal values, dims and types, or the same
 * error code. What the ordinary asynchronous way gives in a fresh session is the reference.
 */

type Source = string | Uint8Array;

let checks = 0;

const quiet: SessionOptions = { intraOpNumThreads: 1, logSeverityLevel: 4 };

/** Nearly every run that can be is made on the calling thread, however busy the machine is. */
const inline: SessionOptions = { inline: { maxMicroseconds: 1000, percentile: 50 } };
let inlineRuns = 0;

async function referencesOf(source: Source, requests: readonly Request[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { feeds, signature } of requests) {
    await using session = await InferenceSession.create(source as string, quiet);
    const options = signature === undefined ? {} : { signature };
    outcomes.push(await outcomeOf(() => session.run(feeds, { ...options, tag: 'ordinary' })));
  }
  return outcomes;
}

/** What a way may answer instead of the reference. */
function excuses(session: InferenceSession, request: Request, way: Way, wanted: Outcome): string[] {
  if (!way.isBound) return [];
  const declared = declaredOf(session, request);
  const codes: string[] = [];
  // Memory is bound for the declared shape, and no other fits there.
  if (!way.name.endsWith('dynamic') && makesOtherShapes(declared, wanted)) {
    codes.push('ERR_SHAPE_MISMATCH');
  }
  // ONNX Runtime leaves memory for it alone.
  const gives = declared.names.some((name) => session.inputNames.includes(name));
  if (way.name.endsWith('given') && gives) codes.push('ERR_UNSUPPORTED');
  return codes;
}

async function compare(
  session: InferenceSession,
  requests: readonly Request[],
  references: readonly Outcome[],
  only: readonly Way[],
): Promise<void> {
  for (const way of only) {
    for (let round = 0; round < 2; round++) {
      for (const [index, request] of requests.entries()) {
        const wanted = references[index]!;
        if (way.isBound && typeof wanted === 'string') continue;
        if (session.hasVariables) await session.resetVariables();
        const got = await way.run(session, request, wanted);
        checks++;
        if (typeof got === 'string' && excuses(session, request, way, wanted).includes(got))
          continue;
        expect(got, `${way.name}, round ${round}, request ${index}`).toEqual(wanted);
      }
    }
  }
}

/** Several ways at once on a session that runs three at a time. */
async function compareAtOnce(
  source: Source,
  requests: readonly Request[],
  references: readonly Outcome[],
  options: SessionOptions,
): Promise<void> {
  await using session = await InferenceSession.create(source as string, { ...quiet, ...options });
  const all = ways.filter(({ name }) => name.startsWith('run,') && !name.includes('pool'));
  const outcomes = await Promise.all(
    all.flatMap((way) =>
      requests.map(async (request, index) => {
        const wanted = references[index]!;
        const got = await way.run(session, request, wanted);
        checks++;
        return { got, wanted, what: `${way.name} at once, request ${index}` };
      }),
    ),
  );
  for (const { got, wanted, what } of outcomes) expect(got, what).toEqual(wanted);
}

async function compareAll(
  source: Source,
  requests: readonly Request[],
  known?: readonly Outcome[],
): Promise<void> {
  const references = await referencesOf(source, requests);
  if (known !== undefined) expect(references).toEqual(known);
  await using session = await InferenceSession.create(source as string, quiet);
  await compare(session, requests, references, ways);
  await using inlined = await InferenceSession.create(source as string, { ...quiet, ...inline });
  await compare(inlined, requests, references, ways);
  inlineRuns += inlined.inlineRuns;
  // A way that is the first of all.
  for (const way of ways) {
    await using fresh = await InferenceSession.create(source as string, quiet);
    await compare(fresh, requests, references, [way]);
  }
  if (!session.hasVariables) await compareAtOnce(source, requests, references, { concurrency: 3 });
  const batched = await outcomeOf(async () => {
    await compareAtOnce(source, requests, references, { batching: { maxBatchSize: 16 } });
    return {};
  });
  if (batched !== 'ERR_UNSUPPORTED') expect(batched).toEqual({});
  expect(pool.stats.bytesInUse).toBe(0);
}

const bools = (...values: boolean[]): Tensor => new Tensor('bool', values, []);
const only = (feeds: Record<string, Tensor>): Request => ({ feeds, signature: undefined });
const large = (value: number): Tensor =>
  new Tensor('float32', new Float32Array(40_000).fill(value), [400, 100]);
const bytesOf = (...values: number[]): string =>
  Buffer.from(Float32Array.from(values).buffer).toString('hex');
const result = (dims: number[], ...values: number[]): unknown => ({
  type: 'float32',
  dims,
  bytes: bytesOf(...values),
});

/** Models whose quick way is not as simple as they declare. */
const special: [string, Request[], Outcome[] | undefined][] = [
  [
    'scalar_declared.onnx',
    [only({ x: floats(0, 1, 2), s: new Tensor('int64', [3]) })],
    [{ y: result([3], 0, 1, 2) }],
  ],
  [
    'detector.onnx',
    [
      only({ x: floats(9, 0, 0, 0) }),
      only({ x: floats(9, 0, 8, 0) }),
      only({ x: floats(0, 0, 0, 0) }),
    ],
    [{ y: result([1], 9) }, { y: result([2], 9, 8) }, { y: result([0]) }],
  ],
  [
    'detector_and_sum.onnx',
    [only({ x: floats(9, 0, 0, 0) }), only({ x: floats(9, 0, 8, 0) })],
    [
      { sum: result([], 9), y: result([1], 9) },
      { sum: result([], 17), y: result([2], 9, 8) },
    ],
  ],
  [
    'if.onnx',
    [
      only({ c: bools(true), x: floats(0, 1, 2, 3) }),
      only({ c: bools(false), x: floats(0, 1, 2, 3) }),
    ],
    [{ y: result([4], 0, 2, 4, 6) }, { y: result([8], 0, 1, 2, 3, 0, 1, 2, 3) }],
  ],
  ['only.onnx', [only({ x: floats(1, 2, 3, 4) })], [{ x: result([4], 1, 2, 3, 4) }]],
  [
    'state.onnx',
    [only({ x: floats(1, 2, 3, 4), state: floats(5, 6, 7, 8) })],
    [{ y: result([4], 6, 8, 10, 12), state: result([4], 5, 6, 7, 8) }],
  ],
  ['state_large.onnx', [only({ x: large(1), state: large(2) })], undefined],
  [
    'constant_output.onnx',
    [only({ x: floats(1, 2) })],
    [{ y: result([2], -1, -2), c: result([2], 3, 4) }],
  ],
  [
    'dyn_boolmask_old.tflite',
    [only({ x: floats(1, -1, 2, -2, 3, -3) }), only({ x: floats(0, 0, 0, 0, 0, 1) })],
    undefined,
  ],
  [
    'dyn_nms2_old.tflite',
    [0, 1].map((seed) =>
      only({
        b: new Tensor(
          'float32',
          Float32Array.from({ length: 40 }, (_, i) => (i % 4 < 2 ? 0 : 1) + ((i >> 2) * seed) / 4),
          [10, 4],
        ),
        s: floats(...Array.from({ length: 10 }, (_, index) => (index * 7) % 10)),
      }),
    ),
    undefined,
  ],
];

describe('every way of running gives the same for', () => {
  it.each(special)('%s', async (file, requests, known) => {
    await compareAll(fixturePath(`ways/${file}`), requests, known);
  });

  it.each(readIndex().fixtures.map(({ cases }) => cases))('the fixture %s', async (cases) => {
    const fixture = readFixture(cases);
    const requests = fixture.cases.slice(0, 3).map(({ inputs, signature }) => ({
      feeds: Object.fromEntries(inputs.map((input) => [input.name ?? '', decodeTensor(input)])),
      signature,
    }));
    // Wrong ones: a tensor missing, one of another rank, one of another type.
    const [name = ''] = Object.keys(requests[0]?.feeds ?? {});
    const first = requests[0]?.feeds[name];
    if (first !== undefined) {
      const { [name]: _, ...missing } = requests[0]!.feeds;
      const { signature } = requests[0]!;
      const wrong = [new Tensor(first.type, first.data, [1, 1, 1, 1, 1, 1, ...first.dims])];
      if (first.type !== 'float64')
        wrong.push(new Tensor('float64', new Float64Array(first.size), first.dims));
      requests.push({ feeds: missing, signature });
      for (const tensor of wrong)
        requests.push({ feeds: { ...missing, [name]: tensor }, signature });
    }
    await compareAll(fixturePath(fixture.model), requests);
  });

  it.each(Array.from({ length: 60 }, (_, seed) => seed))('the generated graph %i', async (seed) => {
    const graph = generate(seed);
    const size = graph.size;
    const requests = [0, 1].map((round) =>
      only(
        Object.fromEntries(
          graph.inputs.map((name, index) => [
            name,
            floats(...Array.from({ length: size }, (_, at) => ((at * 5 + index + round) % 4) - 1)),
          ]),
        ),
      ),
    );
    await compareAll(graph.bytes, requests);
  });

  it('was asked often, of every special model', () => {
    expect(checks).toBeGreaterThan(10_000);
    expect(inlineRuns).toBeGreaterThan(1000);
    const files = readdirSync(fixturePath('ways')).filter(
      (file) => !/^(rows|gather|compress)/.test(file),
    );
    expect(special.map(([file]) => file).sort()).toEqual(files.sort());
  });
});

/** A random graph over vectors: what is computed, given back, or of unknown length. */
function generate(seed: number): { bytes: Uint8Array; inputs: string[]; size: number } {
  let state = seed * 2_654_435_761 + 1;
  const random = (below: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return (state >>> 8) % below;
  };
  const size = 1 + random(6);
  const isDynamic = random(3) === 0;
  const dims = [isDynamic ? 'n' : size];
  const inputs = Array.from({ length: 1 + random(2) }, (_, index) => `x${index}`);
  /** Values whose length is the inputs', and others. */
  const known = [...inputs];
  const unknown: string[] = [];
  const nodes: OnnxNode[] = [];
  for (let index = 0; index < 1 + random(5); index++) {
    const output = `v${index}`;
    const pick = (): string => known[random(known.length)] ?? 'x0';
    const op = ['Neg', 'Abs', 'Identity', 'Add', 'Unique', 'Unique'][random(6)] ?? 'Neg';
    if (op === 'Unique') {
      nodes.push({ op, inputs: [pick()], outputs: [output] });
      unknown.push(output);
    } else {
      nodes.push({ op, inputs: op === 'Add' ? [pick(), pick()] : [pick()], outputs: [output] });
      known.push(output);
    }
  }
  const outputs: OnnxValue[] = [];
  for (const name of known) {
    if (random(2) === 0) outputs.push({ name, type: float32, dims });
  }
  for (const name of unknown) {
    // As it happens to be, or wrong.
    outputs.push({ name, type: float32, dims: [[1 + random(size), 'k', ''][random(3)] ?? 'k'] });
  }
  if (outputs.length === 0) outputs.push({ name: known.at(-1) ?? 'x0', type: float32, dims });
  const bytes = encodeOnnx({
    inputs: inputs.map((name) => ({ name, type: float32, dims })),
    outputs,
    nodes,
  });
  return { bytes, inputs, size };
}
