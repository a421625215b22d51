import { linkSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { makeFloats, makeNode, writeOnnxFile } from '../../../../lib/formats/onnx';
import { checkPaths } from '../../../../lib/optimize/guard/check-paths';
import { floats, modelOf } from '../simplify/graphs';

const folder = mkdtempSync(path.join(tmpdir(), 'onlite-paths-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

describe('checkPaths', () => {
  it('keeps the input and its weights, whatever they are called', async () => {
    const weights = makeFloats('w', new Float32Array(1024).fill(0.5), [1024]);
    const nodes = [makeNode('Mul', ['x', 'w'], ['y'])];
    const model = modelOf(nodes, [floats('x', [1024])], ['y'], [weights]);
    await writeOnnxFile(model, at('in.onnx'), { externalData: { location: 'out.onnx.data' } });
    linkSync(at('in.onnx'), at('hard.onnx'));
    symlinkSync(at('in.onnx'), at('soft.onnx'));
    for (const name of ['in.onnx', './in.onnx', 'hard.onnx', 'soft.onnx']) {
      await expect(checkPaths(at('in.onnx'), at(name))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('it is the input') as unknown,
      });
    }
    for (const name of ['out.onnx', 'out.onnx.data']) {
      await expect(checkPaths(at('in.onnx'), at(name))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining('weights of the input') as unknown,
      });
    }
    await checkPaths(at('in.onnx'), at('other.onnx'));
  });
});
