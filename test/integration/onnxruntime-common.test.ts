import { createRequire } from 'node:module';

import * as common from 'onnxruntime-common';
import * as onlite from 'onlite';
import { InferenceSession, Tensor, TensorPool, env } from 'onlite';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { fixture, root } from './support';

const require = createRequire(import.meta.url);
// What a CommonJS program gets; an import gives another instance of the package's.
const required = require('onnxruntime-common') as typeof common;

describe('instanceof', () => {
  it('holds for our tensors and the class of onnxruntime-common', async () => {
    const tensor = new Tensor('float32', [1, 2]);
    expect(tensor instanceof required.Tensor).toBe(true);
    expect(tensor instanceof Tensor).toBe(true);
    expect(tensor instanceof Array).toBe(false);
    using pool = new TensorPool();
    expect(pool.acquire('int8', [2]) instanceof required.Tensor).toBe(true);
    await using session = await InferenceSession.create(fixture('add4.onnx'));
    const one = new Tensor('float32', [1, 2, 3, 4]);
    const { sum } = session.runSync({ a: one, b: one });
    expect(sum instanceof required.Tensor).toBe(true);
  });

  it.each([
    ['required', required],
    ['imported', common],
  ])('holds for tensors of onnxruntime-common, %s, and our class', (_, { Tensor: Common }) => {
    expect(new Common('float32', [1]) instanceof Tensor).toBe(true);
  });

  it('does not hold for what only looks like a tensor', () => {
    const data = Float32Array.of(1);
    for (const value of [null, 1, {}, { type: 'float32', data, dims: [1] }, Tensor.prototype]) {
      expect((value as unknown) instanceof class extends Tensor {}).toBe(false);
    }
    expect(({ type: 'float32', data, dims: [1] } as unknown) instanceof Tensor).toBe(false);
    expect(structuredClone(new required.Tensor('float32', [1])) instanceof Tensor).toBe(false);
  });

  it('of a subclass is of that class', () => {
    class Mine extends Tensor {}
    expect(new Mine('float32', [1]) instanceof Mine).toBe(true);
    expect(new Mine('float32', [1]) instanceof Tensor).toBe(true);
    expect(new Tensor('float32', [1]) instanceof Mine).toBe(false);
    expect(new required.Tensor('float32', [1]) instanceof Mine).toBe(false);
  });
});

describe('a tensor that is copied', () => {
  it.each([
    ['float32', Float32Array.of(1.5, 2)],
    ['int64', BigInt64Array.of(1n, 2n)],
    ['bool', Uint8Array.of(0, 1)],
    ['string', ['a', 'b']],
  ] as const)('keeps its data: %s', (type, data) => {
    const ours = new Tensor(type, data, [2, 1]);
    const theirs = new required.Tensor(type as 'float32', data as never, [2, 1]);
    expect(structuredClone(ours)).toEqual(structuredClone(theirs));
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    if (type !== 'int64') expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs));
  });

  it('has none once it is disposed', () => {
    const ours = new Tensor('float32', [1]);
    const theirs = new required.Tensor('float32', [1]);
    ours.dispose();
    theirs.dispose();
    expect(JSON.stringify(ours)).toBe(JSON.stringify(theirs));
    using pool = new TensorPool();
    const pooled = pool.acquire('float32', [4]);
    pooled.dispose();
    expect(JSON.stringify(pooled)).not.toContain('cpuData');
  });

  it('cannot be told other data than it has', () => {
    const tensor = new Tensor('float32', [1]);
    Object.assign(tensor, { cpuData: Float32Array.of(7) });
    expect([...tensor.data]).toEqual([1]);
  });
});

it('has the properties of other devices, which say that it is on none', () => {
  const tensor = new Tensor('float32', [1]);
  for (const name of ['texture', 'gpuBuffer', 'mlTensor'] as const) {
    expect(() => tensor[name]).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
  }
});

it('env says which version of onnxruntime-node the API is that of', () => {
  expect(env.versions.node).toBe(env.versions.common);
  expect(required.env.versions).toBe(env.versions);
});

describe('the exported names', () => {
  const file = (name: string) => require.resolve(name).replace(/\.js$/, '.d.ts');
  const program = ts.createProgram([file('onnxruntime-common'), `${root}/dist/index.d.ts`], {
    module: ts.ModuleKind.Node20,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();

  /** Names, and those in namespaces as `Tensor.Type`. */
  function namesOf(path: string): string[] {
    const source = checker.getSymbolAtLocation(program.getSourceFile(path)!)!;
    return checker.getExportsOfModule(source).flatMap((symbol) => {
      const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
      const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
      const isNamespace = (target.flags & ts.SymbolFlags.Namespace) !== 0;
      const members = isNamespace ? checker.getExportsOfModule(target) : [];
      return [symbol.name, ...members.map(({ name }) => `${symbol.name}.${name}`)];
    });
  }

  it('have all types of onnxruntime-common', () => {
    const theirs = namesOf(file('onnxruntime-common'));
    expect(theirs.length).toBeGreaterThan(80);
    const ours = new Set(namesOf(`${root}/dist/index.d.ts`));
    expect(theirs.filter((name) => !ours.has(name))).toEqual([]);
  });

  it('have all values of onnxruntime-common', () => {
    expect(Object.keys(required).filter((name) => !Object.hasOwn(onlite, name))).toEqual([]);
  });
});
