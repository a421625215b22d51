import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { openOnnxFile, writeOnnxFile } from '../../../../lib/formats/onnx';
import { bundled } from '../bundle';
import { externalTensor, modelOf } from './models';

const MODEL_BYTES = 256 * 2 ** 20;

/** Node itself takes 40 to 60 MiB. */
const MAX_BYTES = 150 * 2 ** 20;

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-onnx-memory-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});
const inScratch = (name: string): string => path.join(scratch, name);

/** A model whose weights take no room on the disk: their file is a hole. */
async function hollowModel(name: string, byteLength: number): Promise<string> {
  const data = openSync(inScratch('hole.bin'), 'w');
  ftruncateSync(data, byteLength);
  closeSync(data);
  const tensors = Array.from({ length: 16 }, (_, at) =>
    externalTensor('hole.bin', (at * byteLength) / 16, byteLength / 16),
  );
  await writeOnnxFile(modelOf(tensors), inScratch(name), { externalData: 'never' });
  return inScratch(name);
}

/** Bytes that a process had at most to write a model again. */
function peak(script: string, input: string, output: string, externalData: string): number {
  return Number(execFileSync(process.execPath, [script, input, output, externalData]));
}

const script = bundled('onnx/rewrite-child.ts');

it('a model is written with its structure in memory alone', async () => {
  const output = inScratch('inline.onnx');
  const input = await hollowModel('hollow.onnx', MODEL_BYTES);
  expect(peak(script, input, output, 'never')).toBeLessThan(MAX_BYTES);
  expect(statSync(output).size).toBeGreaterThan(MODEL_BYTES);
  const again = inScratch('external.onnx');
  expect(peak(script, output, again, '{}')).toBeLessThan(MAX_BYTES);
  rmSync(output);
  expect(statSync(again).size).toBeLessThan(10_000);
  expect(statSync(`${again}.data`).size).toBe(MODEL_BYTES);
});

it('a model is mappable from 64 MiB on, one that was one file too', async () => {
  const mappable = async (byteLength: number, name: string): Promise<string[]> => {
    const hollow = openOnnxFile(await hollowModel('hollow.onnx', byteLength));
    await writeOnnxFile(hollow.model, inScratch('one.onnx'), { externalData: 'never' });
    hollow.close();
    const one = openOnnxFile(inScratch('one.onnx'));
    await writeOnnxFile(one.model, inScratch(name), { externalData: 'mappable' });
    one.close();
    return readdirSync(scratch).filter((each) => each.startsWith(name));
  };
  expect(await mappable(2 ** 20, 'small.onnx')).toEqual(['small.onnx']);
  expect(await mappable(2 ** 26, 'large.onnx')).toEqual(['large.onnx', 'large.onnx.data']);
  expect(statSync(inScratch('large.onnx.data')).size).toBe(2 ** 26);
});
