import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { compileLibrary, hasCompiler } from './c-library';
import { encodeOnnx, float32 } from './onnx-encoder';
import { errorOf, expectError, fixture, floats } from './support';

const model = encodeOnnx({
  inputs: [{ name: 'x', type: float32, dims: ['n'] }],
  outputs: [{ name: 'y', type: float32, dims: ['n'] }],
  nodes: [
    { op: 'PlusOne', domain: 'test.onlite', inputs: ['x'], outputs: ['more'] },
    { op: 'Neg', inputs: ['more'], outputs: ['y'] },
  ],
});

describe.runIf(hasCompiler)('customOps', () => {
  let folder: string;
  /** The path of the library, compiled in one of its ways. */
  const compile = (name: string, ...flags: string[]): string =>
    compileLibrary('custom-ops/plus_one.c', folder, name, flags);
  let library: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'onlite-custom-ops-'));
    library = compile('plus_one');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('are registered with the session that asks for them, as often as one does', async () => {
    for (let round = 0; round < 3; round++) {
      const paths = round === 1 ? relative(process.cwd(), library) : library;
      await using session = await InferenceSession.create(model, { customOps: [paths] });
      await using other = await InferenceSession.create(model, { customOps: [library] });
      for (const one of [session, other]) {
        const { y } = await one.run({ x: floats(1, 2, 3) });
        expect(y?.data).toEqual(Float32Array.of(-2, -3, -4));
        expect(one.runSync({ x: floats(7) })['y']?.data).toEqual(Float32Array.of(-8));
        const binding = one.bind({ inputs: { x: floats(4, 5) }, dims: { n: 2 } });
        binding.runSync();
        expect(binding.outputs['y']?.data).toEqual(Float32Array.of(-5, -6));
        expect((await one.profile({ x: floats(1) }, { runs: 1 })).runs).toBe(1);
      }
    }
  });

  it('are no other session’s', async () => {
    await using _ = await InferenceSession.create(model, { customOps: [library] });
    await expectError(() => InferenceSession.create(model), 'ERR_MODEL_INVALID', /model/);
  });

  it('names the library that is none', async () => {
    const text = join(folder, 'text.so');
    writeFileSync(text, 'text');
    const cases: [string, RegExp, RegExp][] = [
      [join(folder, 'missing.so'), /cannot load .*missing\.so/, /No such file/],
      [text, /cannot load .*text\.so/, /./],
      [folder, /cannot load/, /./],
      [compile('empty', '-DEMPTY'), /does not export RegisterCustomOps/, /undefined/],
      [compile('refuse', '-DREFUSE'), /cannot register its operators/, /no operators today/],
    ];
    for (const [path, message, cause] of cases) {
      const error = await errorOf(() =>
        InferenceSession.create(model, { customOps: [library, path] }),
      );
      expect(error.code).toBe('ERR_INVALID_ARGUMENT');
      expect(error.message).toMatch(/^options\.customOps\[1\]: /);
      expect(error.message).toMatch(message);
      expect(String(error.cause)).toMatch(cause);
    }
  });

  it('are never looked for among the system’s libraries', async () => {
    const customOps = ['libm.so.6'];
    await expectError(
      () => InferenceSession.create(model, { customOps }),
      'ERR_INVALID_ARGUMENT',
      /^options\.customOps\[0\]: cannot load \//,
    );
  });

  it.each([['a path'], [[3]], [['']], [['a\0b']], [null]])('refuses %j', async (customOps) => {
    await expectError(
      () => InferenceSession.create(model, { customOps: customOps as string[] }),
      'ERR_INVALID_ARGUMENT',
      /^options\.customOps/,
    );
  });

  it('are not for TensorFlow Lite, which has no entry point for them', async () => {
    await expectError(
      () => InferenceSession.create(fixture('add4.tflite'), { customOps: [library] }),
      'ERR_UNSUPPORTED',
      /^options\.customOps: .*entry point/,
    );
  });
});
