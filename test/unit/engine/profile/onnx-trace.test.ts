import { describe, expect, it } from 'vitest';

import { OnnxTraces } from '../../../../lib/engine/profile/onnx-trace';
import { codeOf } from '../../support';

interface NodeOptions {
  provider?: string;
  tid?: number;
  args?: Record<string, unknown>;
}

/** A node's event as ONNX Runtime writes it, in microseconds. */
function node(name: string, type: string, ts: number, dur: number, options: NodeOptions = {}) {
  const { provider = 'CPUExecutionProvider', tid = 1, args = {} } = options;
  return {
    cat: 'Node',
    pid: 1,
    tid,
    dur,
    ts,
    ph: 'X',
    name: `${name}_kernel_time`,
    args: { op_name: type, provider, node_index: '0', ...args },
  };
}

function session(name: string, dur: number) {
  return { cat: 'Session', pid: 1, tid: 1, dur, ts: 0, ph: 'X', name, args: {} };
}

function read(...events: unknown[]): OnnxTraces {
  const traces = new OnnxTraces();
  traces.add(JSON.stringify(events));
  return traces;
}

const times = (traces: OnnxTraces): Record<string, number> =>
  Object.fromEntries(traces.operators.map(({ name, nanoseconds }) => [name, nanoseconds]));

describe('profiles of ONNX Runtime', () => {
  it('adds up runs, with types, shapes, bytes and providers', () => {
    const traces = new OnnxTraces();
    const args = {
      output_size: '64',
      input_type_shape: [{ float: [1, 16] }, { int8: [4] }],
      output_type_shape: [{ double: [] }],
    };
    const run = JSON.stringify([
      node('gemm', 'Gemm', 3, 6, { args, provider: 'CUDAExecutionProvider' }),
      node('relu', 'Relu', 9, 4),
      session('SequentialExecutor::Execute', 14),
      session('model_run', 15),
    ]);
    traces.add(run);
    traces.add(run);
    expect(traces.totalNs).toBe(30_000);
    expect(traces.threads).toBe(1);
    expect(traces.operators).toEqual([
      {
        name: 'gemm',
        type: 'Gemm',
        provider: 'cuda',
        nanoseconds: 12_000,
        count: 2,
        bytes: 64,
        inputShapes: [
          { type: 'float32', dims: [1, 16] },
          { type: 'int8', dims: [4] },
        ],
        outputShapes: [{ type: 'float64', dims: [] }],
      },
      { name: 'relu', type: 'Relu', provider: 'cpu', nanoseconds: 8000, count: 2 },
    ]);
  });

  it('takes the nodes of subgraphs from the time of the node around them', () => {
    const traces = read(
      node('before', 'Add', 0, 2),
      node('inner', 'Mul', 3, 4),
      node('deep', 'Neg', 9, 1),
      node('if', 'If', 8, 3),
      node('inner', 'Mul', 12, 5),
      node('loop', 'Loop', 2, 20),
      node('after', 'Add', 22, 0),
    );
    expect(times(traces)).toEqual({
      before: 2000,
      'loop/inner': 9000,
      'loop/if': 2000,
      'loop/if/deep': 1000,
      loop: 8000,
      after: 0,
    });
  });

  it('never nests under an operator without subgraphs, nor across threads', () => {
    const traces = read(
      node('a', 'Add', 4, 0),
      node('b', 'Mul', 4, 9),
      node('c', 'Neg', 5, 2, { tid: 2 }),
      node('if', 'If', 4, 9, { tid: 3 }),
    );
    expect(times(traces)).toEqual({ a: 0, b: 9000, c: 2000, if: 9000 });
    expect(traces.threads).toBe(3);
  });

  it('reads names that ONNX Runtime has not escaped', () => {
    const name = 'a"b\\c\nd';
    const text = JSON.stringify([node('NAME', 'Neg', 0, 3)])
      .replace(/"ph":/, '"ph" : ')
      .replace(/"name":/, '"name" :')
      .replace(/"args":/, '"args" : ')
      .replace('NAME', name);
    expect(() => JSON.parse(text) as unknown).toThrow();
    const traces = new OnnxTraces();
    traces.add(text);
    expect(times(traces)).toEqual({ [name]: 3000 });
  });

  it('keeps names apart that are special to JavaScript', () => {
    const traces = read(
      node('__proto__', 'constructor', 0, 1),
      node('constructor', '__proto__', 2, 1),
    );
    expect(traces.operators.map(({ name, type }) => [name, type])).toEqual([
      ['__proto__', 'constructor'],
      ['constructor', '__proto__'],
    ]);
    expect(({} as Record<string, unknown>)['nanoseconds']).toBeUndefined();
  });

  it('ignores what is not a kernel of a node', () => {
    const traces = read(
      null,
      7,
      'text',
      [],
      {},
      { cat: 'Node' },
      { cat: 'Node', name: 'x_fence_before', args: 1 },
      { cat: 'Api' },
    );
    expect(traces.operators).toEqual([]);
  });

  it('leaves out sizes and shapes that make no sense', () => {
    const args = {
      output_size: '-1',
      input_type_shape: [{ float: ['x'] }],
      output_type_shape: { float: [1] },
    };
    const [operator] = read(node('n', 'Neg', 0, 1, { args })).operators;
    expect(Object.keys(operator ?? {})).toEqual([
      'name',
      'type',
      'provider',
      'nanoseconds',
      'count',
    ]);
  });

  const good = node('n', 'Neg', 0, 1);
  const broken: [string, string][] = [
    ['nothing', ''],
    ['no JSON', '[{]'],
    ['an end cut off', JSON.stringify([good]).slice(0, -9)],
    ['an object', '{}'],
    ['null', 'null'],
    ['deep nesting', '['.repeat(100_000)],
    ['no arguments', JSON.stringify([{ ...good, args: null }])],
    ['arguments of another kind', JSON.stringify([{ ...good, args: [1] }])],
    ['no operator', JSON.stringify([{ ...good, args: { provider: 'x' } }])],
    [
      'a provider of another type',
      JSON.stringify([{ ...good, args: { op_name: 'x', provider: 1 } }]),
    ],
    ['a negative duration', JSON.stringify([{ ...good, dur: -1 }])],
    ['a fraction', JSON.stringify([{ ...good, dur: 0.5 }])],
    ['no start', JSON.stringify([{ ...good, ts: undefined }])],
    ['a huge start', JSON.stringify([{ ...good, ts: 1e300 }])],
    ['a duration that is text', JSON.stringify([{ ...good, dur: '1' }])],
    ['a run without a duration', JSON.stringify([{ cat: 'Session', name: 'model_run' }])],
  ];
  it.each(broken)('refuses %s', (_, text) => {
    expect(codeOf(() => new OnnxTraces().add(text))).toBe('ERR_RUN_FAILED');
  });
});
