import { choice, decimal, text } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { COLOURS, FITS, LAYOUTS, type ImageOptions } from './images';

/** Options of commands with `--data`, for images. */
export const imageOptions = {
  'image-size': { type: 'string' },
  'image-fit': { type: 'string' },
  'image-layout': { type: 'string' },
  'image-colour': { type: 'string' },
  'image-scale': { type: 'string' },
  'image-mean': { type: 'string' },
  'image-std': { type: 'string' },
} as const;

/** Their lines in a command's help. */
export const imageHelp: readonly string[] = [
  "  --image-size HxW     the images' height and width, or one number for both (default the model's)",
  '  --image-fit F        cover: cut what is beyond (default); contain: pad; fill: stretch',
  "  --image-layout L     nchw or nhwc (default by the input's shape)",
  '  --image-colour C     rgb (default), bgr or grey',
  '  --image-scale S      a pixel, 0 to 255, is multiplied by S (default 1/255; 1 for uint8),',
  '  --image-mean M,…     less M, for all channels or each (default 0),',
  '  --image-std D,…      and divided by D (default 1)',
];

function size(args: ParsedArguments): { readonly height?: number; readonly width?: number } {
  const given = text(args, 'image-size');
  if (given === undefined) return {};
  const found = /^([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?$/.exec(given);
  if (!found) throw new UsageError(`--image-size: expected 224 or 480x640, got '${given}'`);
  const height = Number(found[1]);
  return { height, width: found[2] === undefined ? height : Number(found[2]) };
}

function numbers(args: ParsedArguments, name: string): readonly number[] | undefined {
  const given = text(args, name);
  if (given === undefined) return undefined;
  const parts = given.split(',');
  if (!parts.every((part) => /^-?\d*\.?\d+(e-?\d+)?$/i.test(part))) {
    throw new UsageError(`--${name}: expected numbers such as 0.485,0.456,0.406, got '${given}'`);
  }
  return parts.map(Number);
}

/** @throws UsageError */
export function parseImageOptions(args: ParsedArguments): ImageOptions {
  const std = numbers(args, 'image-std');
  if (std?.includes(0)) throw new UsageError('--image-std: expected numbers other than 0');
  const given = {
    fit: choice(args, 'image-fit', FITS),
    layout: choice(args, 'image-layout', LAYOUTS),
    colour: choice(args, 'image-colour', COLOURS),
    scale: decimal(args, 'image-scale'),
    mean: numbers(args, 'image-mean'),
    std,
  };
  const found = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...size(args), ...Object.fromEntries(found) };
}
