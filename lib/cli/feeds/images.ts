import type sharp from 'sharp';

import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { type Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import { tensorOfValues } from '../../optimize/compare/real-values';
import { invalid } from './files';
import type { SampleSet } from './samples';

export const LAYOUTS = ['nchw', 'nhwc'] as const;
export const FITS = ['cover', 'contain', 'fill'] as const;
export const COLOURS = ['rgb', 'bgr', 'grey'] as const;

/** How an image becomes a tensor: (pixel · scale − mean) ∕ std by channel. */
export interface ImageOptions {
  /** Default the model's. */
  readonly height?: number;
  readonly width?: number;
  /** How other proportions are made to fit: cut, padded or stretched; default cut (`cover`). */
  readonly fit?: (typeof FITS)[number];
  /** Default by where the model has 1 or 3 channels. */
  readonly layout?: (typeof LAYOUTS)[number];
  /** Default rgb, or grey for one channel. */
  readonly colour?: (typeof COLOURS)[number];
  /** Default 1/255, or 1 for an input of bytes. */
  readonly scale?: number;
  /** One number, or one for each channel; default 0 and 1. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** Where a tensor of images has what. */
interface Geometry {
  readonly layout: (typeof LAYOUTS)[number];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** A batch of one before the image. */
  readonly hasBatch: boolean;
}

export const isImage = (name: string): boolean => /\.(jpe?g|png|webp)$/i.test(name);

/** Of the package that decodes images, which is the user's to install. */
export async function loadSharp(name = 'sharp'): Promise<typeof sharp> {
  try {
    const { default: found } = (await import(name)) as { default: typeof sharp };
    return found;
  } catch (cause) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `images need the package ${name} (0.33 or later), which cannot be loaded here: npm install ${name}`,
      { cause },
    );
  }
}

const isChannels = (dim: number | string | undefined): dim is number => dim === 1 || dim === 3;

/** @throws OnliteError ERR_INVALID_ARGUMENT naming the option that would say what the model does not. */
function geometryOf({ name, shape }: TensorValueMetadata, options: ImageOptions): Geometry {
  const described = `input '${name}' [${shape.map((dim) => dim || '?').join(',')}]`;
  if (shape.length < 3 || shape.length > 4) throw invalid(`--data: ${described} takes no images`);
  const [first, second, third] = shape.slice(-3);
  const found = isChannels(first) ? 'nchw' : isChannels(third) ? 'nhwc' : undefined;
  const layout = options.layout ?? found;
  if (layout === undefined) throw invalid(`--image-layout: needed for ${described}`);
  const [channels, ...own] = layout === 'nchw' ? [first, second, third] : [third, first, second];
  const [height, width] = [options.height ?? own[0], options.width ?? own[1]];
  if (typeof height !== 'number' || typeof width !== 'number') {
    throw invalid(`--image-size: needed for ${described}`);
  }
  const wanted = options.colour === undefined ? channels : options.colour === 'grey' ? 1 : 3;
  if (typeof channels === 'number' && channels !== wanted) {
    throw invalid(`--image-colour ${options.colour ?? ''}: ${described} has ${channels} channels`);
  }
  const count = typeof wanted === 'number' ? wanted : 3;
  if (!isChannels(count)) throw invalid(`--data: ${described} takes no images`);
  return { layout, channels: count, height, width, hasBatch: shape.length === 4 };
}

/** One number of an option for each channel. */
function byChannel(
  values: readonly number[] | undefined,
  option: string,
  channels: number,
  otherwise: number,
): readonly number[] {
  if (values === undefined) return new Array<number>(channels).fill(otherwise);
  if (values.length === 1) return new Array<number>(channels).fill(values[0] ?? otherwise);
  if (values.length === channels) return values;
  throw invalid(`--${option}: expected 1 or ${channels} numbers, got ${values.length}`);
}

/** The values of an image whose bytes are by rows, the channels of a pixel side by side. */
function normalise(
  pixels: Uint8Array,
  { layout, channels }: Geometry,
  { isBgr, scale, mean, std }: Normalisation,
): Float32Array {
  const area = pixels.length / channels;
  const values = new Float32Array(pixels.length);
  for (let channel = 0; channel < channels; channel++) {
    const from = isBgr ? channels - 1 - channel : channel;
    const [centre, spread] = [mean[channel] ?? 0, std[channel] ?? 1];
    for (let pixel = 0; pixel < area; pixel++) {
      const to = layout === 'nchw' ? channel * area + pixel : pixel * channels + channel;
      values[to] = ((pixels[pixel * channels + from] ?? 0) * scale - centre) / spread;
    }
  }
  return values;
}

interface Normalisation {
  readonly isBgr: boolean;
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * A folder's images, each a sample for the model's only input. Of other profiles they become sRGB;
 * transparency is dropped; they are not turned as their EXIF says, like those of Pillow.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where the options do not say what a tensor is like, or an
 *   image cannot be read; ERR_UNSUPPORTED without sharp.
 */
export async function imageSamples(
  files: readonly string[],
  input: ValueMetadata,
  options: ImageOptions,
): Promise<SampleSet> {
  if (!input.isTensor) throw invalid(`--data: input '${input.name}' takes no images`);
  const geometry = geometryOf(input, options);
  const { channels, height, width, layout, hasBatch } = geometry;
  // Quantised inputs are given real values, which have the range of the float model's.
  const type = input.quantization ? 'float32' : input.type;
  const normalisation = {
    isBgr: options.colour === 'bgr',
    scale: options.scale ?? (type === 'uint8' ? 1 : 1 / 255),
    mean: byChannel(options.mean, 'image-mean', channels, 0),
    std: byChannel(options.std, 'image-std', channels, 1),
  };
  const image = layout === 'nchw' ? [channels, height, width] : [height, width, channels];
  const dims = hasBatch ? [1, ...image] : image;
  const open = await loadSharp();
  const fit = options.fit ?? 'cover';
  const sample = async (index: number): Promise<Record<string, Tensor<ElementType>>> => {
    const file = files[index] ?? '';
    const decoded = open(file)
      .removeAlpha()
      .resize({ width, height, fit })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb');
    const pixels = await decoded
      .raw({ depth: 'uchar' })
      .toBuffer()
      .catch((cause: unknown) => {
        throw invalid(`--data: cannot read the image '${file}'`, cause);
      });
    const values = normalise(pixels, geometry, normalisation);
    return { [input.name]: tensorOfValues(values, dims, type, undefined) };
  };
  return { count: files.length, sample };
}
