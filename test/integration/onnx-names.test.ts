import { InferenceSession, type Tensor, type RunResult } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { floats } from './support';

const numbers = (results: Readonly<RunResult>): [string, number[]][] =>
  Object.entries(results).map(([name, value]) => [
    name,
    Array.from((value as Tensor<'float32'>).data),
  ]);

const record = <Value>(names: readonly string[], value: Value): Record<string, Value> =>
  Object.fromEntries(names.map((name) => [name, value]));

interface Case {
  what: string;
  inputs: string[];
  /** As the graph lists them. */
  listed: string[];
  outputs: string[];
}

const cases: Case[] = [
  { what: 'an output that is listed twice', inputs: ['x'], listed: ['y', 'y'], outputs: ['y'] },
  { what: '__proto__', inputs: ['__proto__'], listed: ['y'], outputs: ['y'] },
  { what: '__proto__ as an output', inputs: ['x'], listed: ['__proto__'], outputs: ['__proto__'] },
];

describe.each([[[2]], [['batch']]])('ONNX names, shape %s', (dims) => {
  it.each(cases)('$what', async ({ inputs, listed, outputs }) => {
    const value = (name: string): { name: string; type: number; dims: (number | string)[] } => ({
      name,
      type: float32,
      dims,
    });
    const model = encodeOnnx({
      inputs: [...inputs, 'z'].map(value),
      outputs: listed.map(value),
      nodes: [{ op: 'Neg', inputs, outputs }],
    });
    await using session = await InferenceSession.create(model, { warmUp: true });
    expect(session.inputNames).toEqual([...inputs, 'z']);
    expect(session.outputNames).toEqual(outputs);
    const feeds = record([...inputs, 'z'], floats(1, 2));
    const expected = outputs.map((name) => [name, [-1, -2]]);
    expect(numbers(await session.run(feeds))).toEqual(expected);
    expect(numbers(session.runSync(feeds))).toEqual(expected);
    expect(numbers(await session.run(feeds, outputs))).toEqual(expected);
    using io = session.bind({ inputs: feeds });
    io.runSync();
    await io.run();
    expect(numbers(io.outputs)).toEqual(expected);
    expect(Object.keys(io.inputs)).toEqual([...inputs, 'z']);
  });
});
