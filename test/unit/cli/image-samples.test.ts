import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import sharp, { type Sharp } from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';

import { parseImageOptions } from '../../../lib/cli/feeds/image-options';
import { loadSharp, type ImageOptions } from '../../../lib/cli/feeds/images';
import { readSamples } from '../../../lib/cli/feeds/sample-set';
import type { TensorValueMetadata } from '../../../lib/engine/session/metadata';
import type { ElementType } from '../../../lib/engine/tensor/element-type';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-images-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const input = (shape: (number | string)[], type: ElementType = 'float32'): TensorValueMetadata => ({
  name: 'x',
  isTensor: true,
  type,
  shape,
});

/** Two rows of three pixels, of which each value says its row, column and channel. */
const pixels = Uint8Array.from({ length: 18 }, (_, index) => index * 14);

async function folder(name: string, files: Record<string, Sharp>): Promise<string> {
  const target = path.join(scratch, name);
  mkdirSync(target);
  for (const [file, image] of Object.entries(files)) await image.toFile(path.join(target, file));
  return target;
}

const raw = (channels: 1 | 3 | 4, data: Uint8Array): Sharp =>
  sharp(data, { raw: { width: 3, height: 2, channels } });

const colours = await folder('colours', {
  '10.png': raw(
    3,
    pixels.map((value) => 255 - value),
  ),
  '2.png': raw(3, pixels),
});

async function read(
  source: string,
  metadata: TensorValueMetadata,
  images: ImageOptions = {},
): Promise<{ dims: readonly number[]; data: number[] }[]> {
  const set = await readSamples(source, [metadata], { images });
  return Promise.all(
    Array.from({ length: set.count }, async (_, index) => {
      const { dims, data } = (await set.sample(index))['x']!;
      return { dims, data: Array.from(data as ArrayLike<number>) };
    }),
  );
}

const planes = [0, 1, 2].flatMap((channel) =>
  pixels
    .filter((_, i) => i % 3 === channel)
    .join()
    .split(',')
    .map(Number),
);
const scaled = (values: Iterable<number>): number[] =>
  Array.from(values, (v) => Math.fround(v / 255));

describe('a folder of images', () => {
  it('is read in the order of the names, channels first or last as the model has them', async () => {
    const first = await read(colours, input(['n', 3, 2, 3]));
    expect(first).toHaveLength(2);
    expect(first[0]).toEqual({ dims: [1, 3, 2, 3], data: scaled(planes) });
    expect(first[1]!.data).toEqual(scaled(planes.map((value) => 255 - value)));
    const last = await read(colours, input([1, 2, 3, 3], 'uint8'), { layout: 'nhwc' });
    expect(last[0]).toEqual({ dims: [1, 2, 3, 3], data: Array.from(pixels) });
    expect((await read(colours, input([2, 4, 3]), {}))[0]!.dims).toEqual([2, 4, 3]);
  });

  it('is normalised by channel, in the order of colours that is asked for', async () => {
    const options = { mean: [0.5, 0.25, 0.125], std: [2], colour: 'bgr' } as const;
    const [found] = await read(colours, input([1, 3, 2, 3]), options);
    const blueFirst = [...planes.slice(12), ...planes.slice(6, 12), ...planes.slice(0, 6)];
    found!.data.forEach((value, index) => {
      const mean = [0.5, 0.25, 0.125][Math.floor(index / 6)]!;
      expect(value).toBeCloseTo((blueFirst[index]! / 255 - mean) / 2, 6);
    });
    const [plain] = await read(colours, input([1, 3, 2, 3]), {
      scale: 1,
      mean: [127.5],
      std: [127.5],
    });
    expect(Math.min(...plain!.data)).toBe(-1);
  });

  it('is resized: cut, padded or stretched', async () => {
    // Left third white, the rest black.
    const data = Uint8Array.from({ length: 18 }, (_, index) => (index % 9 < 3 ? 255 : 0));
    const wide = await folder('wide', { 'a.png': raw(3, data) });
    const grey = async (fit: ImageOptions['fit']): Promise<number[]> => {
      const options = { height: 2, width: 2, colour: 'grey', ...(fit ? { fit } : {}) } as const;
      return (await read(wide, input([1, 1, 'h', 'w']), options))[0]!.data;
    };
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    expect(await grey('cover')).toEqual(await grey(undefined));
    expect(sum(await grey('fill'))).toBeGreaterThan(sum(await grey('contain')));
    expect(await grey('fill')).not.toEqual(await grey('cover'));
  });

  it('may be grey, transparent, JPEG or WebP', async () => {
    const data = Uint8Array.from({ length: 24 }, (_, index) => (index % 4 === 3 ? 9 : 200));
    const mixed = await folder('mixed', {
      'grey.png': raw(1, new Uint8Array(6).fill(200)).toColourspace('b-w'),
      'transparent.png': raw(4, data),
      'photo.jpg': raw(3, new Uint8Array(18).fill(200)),
      'photo.webp': raw(3, new Uint8Array(18).fill(200)).webp({ lossless: true }),
    });
    const found = await read(mixed, input([1, 3, 2, 3], 'uint8'));
    expect(found.map(({ data: values }) => values)).toEqual(Array(4).fill(Array(18).fill(200)));
    const greys = await read(mixed, input([1, 2, 3, 1], 'uint8'));
    expect(greys.map(({ data: values }) => values)).toEqual(Array(4).fill(Array(6).fill(200)));
  });

  it('is refused where the options do not say what is needed', async () => {
    const refused = { code: 'ERR_INVALID_ARGUMENT' };
    const mixed = await folder('with-arrays', { 'a.png': raw(3, pixels) });
    writeFileSync(path.join(mixed, 'b.json'), '[1]');
    const broken = path.join(scratch, 'broken');
    mkdirSync(broken);
    writeFileSync(path.join(broken, 'a.png'), 'no image');
    for (const [source, metadata, options, message] of [
      [colours, input(['n', 'c', 'h', 'w']), {}, /--image-layout/],
      [colours, input([1, 3, 'h', 'w']), {}, /--image-size/],
      [colours, input([1, 3, 2, 3]), { mean: [1, 2] }, /--image-mean/],
      [colours, input([1, 3, 2, 3]), { colour: 'grey' }, /--image-colour/],
      [colours, input([1, 7]), {}, /takes no images/],
      [colours, input([1, 8, 2, 2]), { layout: 'nchw' }, /takes no images/],
      [mixed, input([1, 3, 2, 3]), {}, /images and arrays/],
      [broken, input([1, 3, 2, 3]), {}, /a\.png/],
    ] as const) {
      const reading = read(source, metadata, options);
      await expect(reading, String(message)).rejects.toMatchObject(refused);
      await expect(read(source, metadata, options)).rejects.toThrow(message);
    }
  });

  it('needs a package, whose absence is told with the remedy', async () => {
    await expect(loadSharp('no-such-package-of-images')).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('npm install'),
    });
  });
});

describe('options of images', () => {
  const parse = (values: Record<string, string>): ImageOptions =>
    parseImageOptions({ values, positionals: [] });

  it('are read', () => {
    expect(parse({})).toEqual({});
    expect(
      parse({
        'image-size': '480x640',
        'image-mean': '0.485,0.456,0.406',
        'image-std': '0.5',
        'image-layout': 'nhwc',
        'image-colour': 'bgr',
        'image-scale': '1',
        'image-fit': 'fill',
      }),
    ).toEqual({
      height: 480,
      width: 640,
      mean: [0.485, 0.456, 0.406],
      std: [0.5],
      layout: 'nhwc',
      colour: 'bgr',
      scale: 1,
      fit: 'fill',
    });
    expect(parse({ 'image-size': '224' })).toEqual({ height: 224, width: 224 });
  });

  it.each([
    ['image-size', '0'],
    ['image-size', '224,224'],
    ['image-mean', '1,,2'],
    ['image-std', '1,0'],
    ['image-layout', 'chw'],
    ['image-colour', 'hsv'],
    ['image-fit', 'crop'],
    ['image-scale', 'x'],
  ])('--%s %s is refused', (name, value) => {
    expect(() => parse({ [name]: value })).toThrow(new RegExp(`--${name}`));
  });
});
