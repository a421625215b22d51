import { join } from 'node:path';

import { InferenceSession, Tensor, type RunResult } from 'onlite';
import { describe, expect, it } from 'vitest';

import { onliteJson } from './cli-support';
import { floats, root } from './support';

const unusual = (name: string): string => join(root, 'test/fixtures/unusual', `${name}.tflite`);

const a = floats(1, 2, 3, 4);
const b = floats(10, 20, 30, 50);
const c = floats(2, 2, 3, 3);

interface Case {
  file: string;
  inputs: string[];
  outputs: string[];
  feeds: Tensor[];
  results: number[][];
  signature?: string;
}

const cases: Case[] = [
  {
    file: 'alike_names',
    inputs: ['x', 'x:2', 'x:1'],
    outputs: ['y', 'y:1'],
    feeds: [b, a, c],
    results: [
      [9, 18, 27, 46],
      [18, 36, 81, 138],
    ],
  },
  {
    file: 'alike_names',
    signature: 'serve',
    // The blank name comes first, and another one is called as it would be.
    inputs: ['input:1', 'c', 'input:0'],
    outputs: ['output:0', 'product'],
    feeds: [b, c, a],
    results: [
      [9, 18, 27, 46],
      [18, 36, 81, 138],
    ],
  },
  {
    file: 'blank_names',
    inputs: ['input:0', 'input:1'],
    outputs: ['output:1', 'output:0'],
    feeds: [b, a],
    results: [
      [9, 18, 27, 46],
      [11, 22, 33, 54],
    ],
  },
  {
    file: 'proto_names',
    inputs: ['__proto__'],
    outputs: ['__proto__'],
    feeds: [a],
    results: [[11, 22, 33, 44]],
  },
  {
    file: 'proto_names',
    signature: '__proto__',
    inputs: ['__proto__'],
    outputs: ['__proto__'],
    feeds: [a],
    results: [[11, 22, 33, 44]],
  },
];

const record = <Value>(names: string[], values: Value[]): Record<string, Value> =>
  Object.fromEntries(names.map((name, index) => [name, values[index]])) as Record<string, Value>;

const numbers = (results: Readonly<RunResult>): [string, number[]][] =>
  Object.entries(results).map(([name, value]) => [
    name,
    Array.from((value as Tensor<'float32'>).data),
  ]);

describe.each(cases)('$file $signature', ({ file, signature, inputs, outputs, feeds, results }) => {
  const given = record(inputs, feeds);
  const expected = outputs.map((name, index) => [name, results[index]]);
  const options = signature === undefined ? {} : { signature };

  it.each(['xnnpack', 'cpu'])('feeds and fetches every tensor by every way on %s', async (name) => {
    await using session = await InferenceSession.create(unusual(file), {
      executionProviders: [name],
      warmUp: true,
    });
    const described = signature === undefined ? undefined : session.signatures[signature];
    const { inputMetadata, outputMetadata } = session;
    const { inputs: ins, outputs: outs } = described ?? {
      inputs: inputMetadata,
      outputs: outputMetadata,
    };
    expect(ins.map((value) => value.name)).toEqual(inputs);
    expect(outs.map((value) => value.name)).toEqual(outputs);

    const plain = await session.run(given, options);
    expect(numbers(plain)).toEqual(expected);
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
    expect(numbers(session.runSync(given, options))).toEqual(expected);
    expect(numbers(await session.run(given, outputs, options))).toEqual(expected);
    const fetches = record(
      outputs,
      outputs.map(() => new Tensor('float32', new Float32Array(4), [4])),
    );
    expect(numbers(session.runSync(given, fetches, options))).toEqual(expected);
    expect(numbers(fetches)).toEqual(expected);

    using left = session.bind({ inputs: given, ...options });
    left.runSync();
    expect(numbers(left.outputs)).toEqual(expected);
    expect(numbers(left.inputs)).toEqual(numbers(given));
    const given2 = record(inputs, [...feeds]);
    const dynamic = record(
      outputs,
      outputs.map(() => 'dynamic' as const),
    );
    using bound = session.bind({ inputs: given2, outputs: dynamic, ...options });
    await bound.run();
    expect(numbers(bound.outputs)).toEqual(expected);
    bound.setOutput(outputs[0] ?? '', new Tensor('float32', new Float32Array(4), [4]));
    bound.runSync();
    expect(numbers(bound.outputs).find(([output]) => output === outputs[0])).toEqual(expected[0]);
  });

  it('is the same on the command line', () => {
    const key = signature ?? '';
    interface Listed {
      inputs: { name: string }[];
      outputs: { name: string }[];
    }
    const info = onliteJson(['info', unusual(file)]) as Listed & {
      signatures: Record<string, Listed>;
    };
    const listed = Object.hasOwn(info.signatures, key) ? info.signatures[key] : info;
    expect(listed?.inputs.map(({ name }) => name)).toEqual(inputs);
    expect(listed?.outputs.map(({ name }) => name)).toEqual(outputs);
    const flags = inputs.flatMap((name) => ['--input', `${name}=random:1`]);
    const choice = signature === undefined ? [] : ['--signature', signature];
    const run = onliteJson(['run', unusual(file), ...flags, ...choice]) as {
      outputs: { name: string }[];
    };
    expect(run.outputs.map(({ name }) => name)).toEqual(outputs);
  });
});
