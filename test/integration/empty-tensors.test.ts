import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32, type OnnxGraph, type OnnxNode } from './onnx-encoder';
import { errorOf } from './support';

// ONNX Runtime ends the process, or hangs, where such a tensor gets to it.

type Dims = readonly number[];

const ones = (dims: Dims): Tensor =>
  new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1), dims);

const weights = (name: string, dims: Dims) => ({
  name,
  dims,
  data: new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1),
});
const integers = (name: string, ...values: number[]) => ({
  name,
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

const hidden = 5;
const symbols = (rank: number): string[] => Array.from({ length: rank }, (_, i) => `d${i}`);
const value = (name: string, rank: number) => ({ name, type: float32, dims: symbols(rank) });

/** One operator over `x` (and over what else `feeds` has), its result `y`. */
function single(
  node: Omit<OnnxNode, 'outputs'> & { outputs?: readonly string[] },
  ranks: Record<string, number>,
  rank: number,
  initializers: NonNullable<OnnxGraph['initializers']> = [],
): OnnxGraph {
  return {
    inputs: Object.entries(ranks).map(([name, inputRank]) => value(name, inputRank)),
    outputs: [{ ...value('y', rank), dims: Array.from({ length: rank }, (_, i) => `y${i}`) }],
    nodes: [{ outputs: ['y'], ...node }],
    initializers,
  };
}

const recurrent = (op: string, gates: number): OnnxGraph =>
  single({ op, inputs: ['x', 'w', 'r'], attributes: { hidden_size: hidden } }, { x: 3 }, 4, [
    weights('w', [1, gates * hidden, 2]),
    weights('r', [1, gates * hidden, hidden]),
  ]);

const microsoft = 'com.microsoft';

/** Operators; dims of feeds that are not theirs to bear; such as are. */
const operators: [
  string,
  OnnxGraph,
  fatal: Record<string, Dims>[],
  fine: Record<string, Dims>[],
][] = [
  ['LSTM', recurrent('LSTM', 4), [{ x: [4, 0, 2] }], [{ x: [0, 3, 2] }, { x: [4, 3, 2] }]],
  ['GRU', recurrent('GRU', 3), [{ x: [4, 0, 2] }, { x: [0, 3, 2] }], [{ x: [4, 3, 2] }]],
  ['RNN', recurrent('RNN', 1), [], [{ x: [4, 0, 2] }, { x: [0, 3, 2] }, { x: [4, 3, 2] }]],
  [
    'DFT',
    single({ op: 'DFT', inputs: ['x'], attributes: { axis: 1 } }, { x: 4 }, 4),
    [{ x: [1, 0, 3, 1] }],
    [{ x: [0, 4, 3, 1] }, { x: [1, 4, 3, 1] }],
  ],
  [
    'ConvTranspose',
    single({ op: 'ConvTranspose', inputs: ['x', 'w'] }, { x: 3 }, 3, [weights('w', [1, 2, 3])]),
    [{ x: [1, 1, 0] }],
    [{ x: [0, 1, 4] }, { x: [1, 1, 4] }],
  ],
  [
    'ConvTranspose',
    single(
      { op: 'ConvTranspose', inputs: ['x', 'w'], attributes: { kernel_shape: [3, 3] } },
      { x: 4 },
      4,
      [weights('w', [1, 2, 3, 3])],
    ),
    [],
    [{ x: [1, 1, 0, 4] }, { x: [0, 1, 4, 4] }],
  ],
  [
    'TopK',
    single({ op: 'TopK', inputs: ['x', 'k'], outputs: ['y', 'i'] }, { x: 2 }, 2, [
      integers('k', 2),
    ]),
    [{ x: [0, 4] }],
    [{ x: [3, 4] }],
  ],
  [
    'TopK',
    single({ op: 'TopK', inputs: ['x', 'k'], outputs: ['y', 'i'] }, { x: 1 }, 1, [
      integers('k', 0),
    ]),
    [],
    [{ x: [0] }],
  ],
  [
    'Conv',
    single({ op: 'Conv', inputs: ['x', 'w'] }, { x: 4, w: 4 }, 4),
    [{ x: [1, 0, 5, 5], w: [1, 0, 3, 3] }],
    [
      { x: [0, 1, 5, 5], w: [1, 1, 3, 3] },
      { x: [1, 1, 5, 5], w: [0, 1, 3, 3] },
    ],
  ],
  [
    'MultiHeadAttention',
    single(
      {
        op: 'MultiHeadAttention',
        inputs: ['q', 'k', 'v'],
        domain: microsoft,
        attributes: { num_heads: 2 },
      },
      { q: 3, k: 3, v: 3 },
      3,
    ),
    [{ q: [2, 3, 8], k: [2, 5, 8], v: [2, 5, 0] }],
    [{ q: [0, 3, 8], k: [0, 5, 8], v: [0, 5, 8] }],
  ],
  [
    'Inverse',
    single({ op: 'Inverse', inputs: ['x'], domain: microsoft }, { x: 3 }, 3),
    [{ x: [2, 0, 3] }],
    [{ x: [0, 3, 3] }],
  ],
];

const feedsOf = (dims: Record<string, Dims>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(dims).map(([name, list]) => [name, ones(list)]));

async function expectRefused(operation: () => unknown, operator: string): Promise<void> {
  const error = await errorOf(operation);
  expect({ code: error.code, message: error.message }).toEqual({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(`^inputs\\.\\w+\\.dims: .*operator ${operator} `) as string,
  });
}

describe.each(operators)('%s', (operator, graph, fatal, fine) => {
  it('refuses the empty tensors that it cannot bear, and no others', async () => {
    const session = await InferenceSession.create(encodeOnnx(graph));
    for (const dims of fatal) {
      const feeds = feedsOf(dims);
      await expectRefused(() => session.run(feeds), operator);
      expect(() => session.runSync(feeds)).toThrow(/cannot take an empty tensor/);
      await expectRefused(() => session.run(feeds, ['y']), operator);
      await expectRefused(() => session.profile(feeds), operator);
    }
    for (const dims of fine) {
      const { y } = await session.run(feedsOf(dims));
      expect(session.runSync(feedsOf(dims))['y']?.dims).toEqual(y?.dims);
    }
    await session.release();
  });
});

describe('ways of running', () => {
  it('bind: where the last of the empty tensors comes', async () => {
    const session = await InferenceSession.create(encodeOnnx(recurrent('GRU', 3)));
    const binding = session.bind({ inputs: { x: ones([4, 3, 2]) }, outputs: { y: 'dynamic' } });
    await binding.run();
    await expectRefused(() => {
      binding.setInput('x', ones([0, 3, 2]));
    }, 'GRU');
    await expectRefused(
      () => session.bind({ inputs: { x: ones([4, 0, 2]) }, outputs: { y: 'dynamic' } }),
      'GRU',
    );
    await session.release();
  });

  it('batched: rows of none beside others are right, alone they are refused', async () => {
    const session = await InferenceSession.create(
      encodeOnnx({
        ...single({ op: 'TopK', inputs: ['x', 'k'], outputs: ['y', 'i'] }, {}, 2, [
          integers('k', 2),
        ]),
        inputs: [{ name: 'x', type: float32, dims: ['n', 4] }],
        outputs: [{ name: 'y', type: float32, dims: ['n', 2] }],
      }),
      { batching: { maxBatchSize: 4, maxDelayMs: 1 } },
    );
    await expectRefused(() => session.run({ x: ones([0, 4]) }), 'TopK');
    expect((await session.run({ x: ones([2, 4]) }))['y']?.dims).toEqual([2, 2]);
    await session.release();
  });
});

describe("a model in ONNX Runtime's own format", () => {
  it.each([
    ['GRU', true],
    ['RNN', false],
  ])('with %s', async (operator, fatal) => {
    const folder = mkdtempSync(join(tmpdir(), 'onlite-empty-'));
    try {
      const saved = join(folder, 'model.ort');
      const source = await InferenceSession.create(
        encodeOnnx(recurrent(operator, operator === 'GRU' ? 3 : 1)),
        { optimizedModelFilePath: saved, extra: { session: { save_model_format: 'ORT' } } },
      );
      await source.release();
      const session = await InferenceSession.create(saved);
      const run = (): unknown => session.run({ x: ones([4, 0, 2]) });
      if (fatal) await expectRefused(run, operator);
      else await run();
      expect((await session.run({ x: ones([4, 3, 2]) }))['y']?.dims).toEqual([4, 1, 3, hidden]);
      await session.release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('on the way', () => {
  const x = value('x', 3);
  const past = value('past', 3);
  const y = { name: 'y', type: float32, dims: ['y0', 'y1', 'y2', 'y3'] };
  const [w, r] = recurrent('GRU', 3).initializers ?? [];
  const initializers = [w, r].flatMap((tensor) => tensor ?? []);
  const gru = (from: string, to = 'y'): OnnxNode => ({
    op: 'GRU',
    inputs: [from, 'w', 'r'],
    outputs: [to],
    attributes: { hidden_size: hidden },
  });
  const create = (graph: OnnxGraph, functions?: Parameters<typeof encodeOnnx>[1]) =>
    InferenceSession.create(encodeOnnx(graph, functions));

  it('through other operators', async () => {
    const session = await create({
      inputs: [x],
      outputs: [y],
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['a'] },
        { op: 'Neg', inputs: ['a'], outputs: ['b'] },
        gru('b'),
      ],
      initializers,
    });
    await expectRefused(() => session.run({ x: ones([2, 0, 2]) }), 'GRU');
    expect((await session.run({ x: ones([4, 3, 2]) }))['y']?.dims).toEqual([4, 1, 3, hidden]);
    await session.release();
  });

  it('an operator that it does not lead to is no reason', async () => {
    const session = await create({
      inputs: [x, past],
      outputs: [y, { name: 'z', type: float32, dims: ['z0', 'z1', 'z2'] }],
      nodes: [gru('x'), { op: 'Relu', inputs: ['past'], outputs: ['z'] }],
      initializers,
    });
    const result = await session.run({ x: ones([4, 3, 2]), past: ones([1, 0, 2]) });
    expect(result['z']?.dims).toEqual([1, 0, 2]);
    await session.release();
  });

  it('an empty past is concatenated with what is not', async () => {
    const session = await create({
      inputs: [x, past],
      outputs: [y],
      nodes: [
        { op: 'Concat', inputs: ['past', 'x'], outputs: ['all'], attributes: { axis: 1 } },
        gru('all'),
      ],
      initializers,
    });
    const result = await session.run({ x: ones([4, 3, 2]), past: ones([4, 0, 2]) });
    expect(result['y']?.dims).toEqual([4, 1, 3, hidden]);
    await expectRefused(() => session.run({ x: ones([4, 0, 2]), past: ones([4, 0, 2]) }), 'GRU');
    // Each alone is allowed; together they are refused with the second.
    const binding = session.bind({
      inputs: { x: ones([4, 3, 2]), past: ones([4, 0, 2]) },
      outputs: { y: 'dynamic' },
    });
    await expectRefused(() => {
      binding.setInput('x', ones([4, 0, 2]));
    }, 'GRU');
    await session.release();
  });

  it('in a branch, which captures what is outside', async () => {
    const branch = (op: string): OnnxGraph => ({
      inputs: [],
      outputs: [{ name: 'z', type: float32, dims: ['y0', 'y1', 'y2', 'y3'] }],
      nodes:
        op === 'GRU'
          ? [gru('x', 'z')]
          : [{ op: 'Unsqueeze', inputs: ['x', 'axes'], outputs: ['z'] }],
    });
    const session = await create({
      inputs: [x],
      outputs: [y],
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['s'] },
        { op: 'Gather', inputs: ['s', 'first'], outputs: ['n'] },
        { op: 'Greater', inputs: ['n', 'four'], outputs: ['c'] },
        {
          op: 'If',
          inputs: ['c'],
          outputs: ['y'],
          attributes: { then_branch: branch('Unsqueeze'), else_branch: branch('GRU') },
        },
      ],
      initializers: [
        ...initializers,
        integers('first', 0),
        integers('four', 4),
        integers('axes', 1),
      ],
    });
    await expectRefused(() => session.run({ x: ones([4, 0, 2]) }), 'GRU');
    expect((await session.run({ x: ones([4, 3, 2]) }))['y']?.dims).toEqual([4, 1, 3, hidden]);
    await session.release();
  });

  it("in a scan's body, through the inputs of the body", async () => {
    const session = await create({
      inputs: [{ name: 'x', type: float32, dims: symbols(4) }],
      outputs: [{ name: 'y', type: float32, dims: ['a', 'b', 'c', 'd', 'e'] }],
      nodes: [
        {
          op: 'Scan',
          inputs: ['x'],
          outputs: ['y'],
          attributes: {
            num_scan_inputs: 1,
            body: {
              inputs: [{ name: 'step', type: float32, dims: symbols(3) }],
              outputs: [{ name: 'z', type: float32, dims: ['y0', 'y1', 'y2', 'y3'] }],
              nodes: [gru('step', 'z')],
            },
          },
        },
      ],
      initializers,
    });
    await expectRefused(() => session.run({ x: ones([2, 4, 0, 2]) }), 'GRU');
    expect((await session.run({ x: ones([2, 4, 3, 2]) }))['y']?.dims).toEqual([2, 4, 1, 3, hidden]);
    await session.release();
  });

  it('in a function of the model', async () => {
    const session = await create(
      {
        inputs: [x],
        outputs: [y],
        nodes: [{ op: 'Layer', domain: 'local', inputs: ['x', 'w', 'r'], outputs: ['y'] }],
        initializers,
      },
      [
        {
          name: 'Layer',
          inputs: ['i', 'w', 'r'],
          outputs: ['o'],
          nodes: [{ op: 'Relu', inputs: ['i'], outputs: ['j'] }, gru('j', 'o')],
        },
      ],
    );
    await expectRefused(() => session.run({ x: ones([4, 0, 2]) }), 'GRU');
    expect((await session.run({ x: ones([4, 3, 2]) }))['y']?.dims).toEqual([4, 1, 3, hidden]);
    await session.release();
  });
});
