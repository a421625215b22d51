import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InferenceSession } from 'onlite';
import { afterAll, describe, expect, it } from 'vitest';

import { inLayout, layoutFile } from '../../../lib/cli/quantize/transformers-layout';
import { openOnnxFile, writeOnnxFile } from '../../../lib/formats/onnx';

const scratch = mkdtempSync(path.join(tmpdir(), 'onlite-layout-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const digits = path.join(import.meta.dirname, '../../fixtures/digits/mlp.onnx');
const settings = { target: 'x64' } as const;
let folders = 0;
const newFolder = (): string => path.join(scratch, String(folders++));
const configOf = (folder: string): unknown =>
  JSON.parse(readFileSync(path.join(folder, 'quantize_config.json'), 'utf8'));

/** Writes the model as it is, with its weights in a file of their own. */
async function write(file: string): Promise<{ chosen: string }> {
  const opened = openOnnxFile(digits);
  try {
    await writeOnnxFile(opened.model, file, { externalData: { threshold: 0 } });
  } finally {
    opened.close();
  }
  return { chosen: 'one' };
}

describe("transformers.js's layout", () => {
  it('has external data by the name that transformers.js asks for', async () => {
    const layout = { folder: newFolder(), dtype: 'q8' } as const;
    const file = layoutFile(digits, layout);
    await inLayout(digits, layout, settings, () => write(file));
    const names = ['mlp_quantized.onnx', 'mlp_quantized.onnx_data'];
    expect(readdirSync(path.dirname(file)).sort()).toEqual(names);
    const session = await InferenceSession.create(file);
    expect(session.inputNames).toEqual(['image']);
    await session.release();
  });

  it('says how each of its models was quantised', async () => {
    const folder = newFolder();
    for (const dtype of ['q8', 'q4'] as const) {
      const layout = { folder, dtype };
      await inLayout(digits, layout, settings, () => write(layoutFile(digits, layout)));
    }
    expect(configOf(folder)).toEqual({
      modes: ['q8', 'q4'],
      per_channel: true,
      reduce_range: false,
      block_size: 32,
      is_symmetric: true,
      per_model_config: {
        mlp: { op_types: expect.arrayContaining(['Gemm']), weight_type: 'QInt8' },
      },
    });
    const layout = { folder, dtype: 'int8' } as const;
    const file = layoutFile('other/decoder.onnx', layout);
    await inLayout(digits, layout, { target: 'any' }, () => write(file).then(() => ({})));
    expect(configOf(folder)).toMatchObject({ reduce_range: false });
  });

  it.each([
    ['where nothing is chosen', () => Promise.resolve({})],
    ['where it fails', () => Promise.reject(new Error('no'))],
  ])('leaves no folder %s', async (_, make) => {
    const layout = { folder: newFolder(), dtype: 'fp16' } as const;
    await inLayout(digits, layout, settings, make).catch(() => undefined);
    expect(existsSync(layout.folder)).toBe(false);
  });

  it.each([
    ['{', /is no JSON$/],
    ['[]', /is no object$/],
  ])('keeps a %s that is no configuration', async (content, message) => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'quantize_config.json'), content);
    const made = inLayout(digits, { folder, dtype: 'q8' }, settings, () => Promise.resolve({}));
    await expect(made).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
    expect(readFileSync(path.join(folder, 'quantize_config.json'), 'utf8')).toBe(content);
  });

  it('is not for TensorFlow Lite models', async () => {
    const model = path.join(scratch, 'model.tflite');
    writeFileSync(model, Buffer.from('\x1c\0\0\0TFL3', 'latin1'));
    const layout = { folder: newFolder(), dtype: 'q8' } as const;
    const made = inLayout(model, layout, settings, () => write(layoutFile(model, layout)));
    await expect(made).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    expect(existsSync(layout.folder)).toBe(false);
  });
});
