import { basename, dirname, isAbsolute, join, normalize } from 'node:path';

import { invalidArgument } from '../../errors';
import { replaceFiles } from '../../files';
import { OnnxDataType } from './data-type';
import { withExternalData } from './external-data';
import { checkMessageSize, encodeModel, unchangedOriginal } from './model';
import { byteLengthOf, chunksOf, type Segment } from './source';
import { tensorData } from './tensor';
import type { ModelProto, TensorProto } from './types';
import { walkModel } from './walk';

/** Models above this size get external data, by what {@link WriteOnnxFileOptions} says. */
const INLINE_BYTES = { auto: 2 ** 30, mappable: 2 ** 26, never: Infinity } as const;

/** As ONNX's own tools have it: small initializers are not worth a look into another file. */
const DEFAULT_THRESHOLD = 1024;

/**
 * So that external data can be mapped: multiples of a page, and of Windows' granularity of mappings
 * where that wastes little.
 *
 * @see https://onnx.ai/onnx/repo-docs/ExternalData.html
 */
const PAGE_BYTES = 4096;
const MAPPING_BYTES = 65536;
const LARGE_BYTES = 2 ** 20;

export interface ExternalDataOptions {
  /** The data's file beside the model's; by default the model's name with `.data` appended. */
  readonly location?: string;
  /** The bytes from which on an initializer is in that file; 1024 by default. */
  readonly threshold?: number;
}

export interface WriteOnnxFileOptions {
  /**
   * Whether initializers are written to a file of their own: `'auto'` does so for models above 1 GiB,
   * and is the default. Protobuf allows 2 GiB in one file. `'mappable'` does so above 64 MiB: a session
   * maps such a file, where it copies the weights of the model's own more than once.
   */
  readonly externalData?: 'auto' | 'mappable' | 'never' | ExternalDataOptions;
}

/** What is written to one file of external data, and the tensors that then say so. */
class ExternalLayout {
  readonly segments: Segment[] = [];
  readonly substitutes = new Map<TensorProto, TensorProto>();
  private byteLength = 0;

  constructor(private readonly location: string) {}

  add(tensor: TensorProto, data: Segment): void {
    const alignment = data.byteLength < LARGE_BYTES ? PAGE_BYTES : MAPPING_BYTES;
    const offset = Math.ceil(this.byteLength / alignment) * alignment;
    this.segments.push(new Uint8Array(offset - this.byteLength), data);
    this.byteLength = offset + data.byteLength;
    const { location } = this;
    const place = { location, offset, length: data.byteLength };
    this.substitutes.set(tensor, withExternalData(tensor, place));
  }
}

/** Tensors in attributes stay in the model: not every reader looks for them elsewhere. */
function layOut(model: ModelProto, location: string, threshold: number): ExternalLayout {
  const layout = new ExternalLayout(location);
  walkModel(model, {
    graph: ({ initializer }) => {
      for (const tensor of initializer) {
        const isElsewhere = tensor.source === undefined && tensor.dataLocation === 1;
        if (isElsewhere || tensor.dataType === OnnxDataType.STRING) continue;
        const data = tensorData(tensor);
        if (data.byteLength >= threshold) layout.add(tensor, data);
      }
    },
  });
  return layout;
}

function checkLocation(location: string, model: string): void {
  const path = normalize(location);
  const isOutside = isAbsolute(path) || /^\.\.?([\\/]|$)/.test(path);
  if (isOutside || path === model) {
    throw invalidArgument(
      'options.externalData.location',
      "a path in the model's folder that is not the model's own",
      location,
    );
  }
}

interface FileContent {
  readonly path: string;
  readonly segments: readonly Segment[];
}

/** The data come before the model, which then never names what is not there. */
function externalFiles(
  model: ModelProto,
  path: string,
  { location = `${basename(path)}.data`, threshold = DEFAULT_THRESHOLD }: ExternalDataOptions = {},
): FileContent[] {
  checkLocation(location, basename(path));
  const { segments, substitutes } = layOut(model, location, threshold);
  const main = { path, segments: encodeModel(model, substitutes) };
  checkMessageSize(main.segments);
  return substitutes.size === 0
    ? [main]
    : [{ path: join(dirname(path), location), segments }, main];
}

/**
 * Writes a model to a file, its weights piece by piece: no more than its structure is in memory.
 * The files are written under other names first and replace those there when all is written. A model
 * that was read from one file and not changed is written as it was, byte for byte, unless
 * `externalData` names a place. The files that it was read from must still be open, and may be
 * replaced.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when the path cannot be written to, a source gives other
 *   bytes than it announced, or the model has more than 2 GiB without external data;
 *   ERR_MODEL_INVALID when an initializer's data do not fit its dims; ERR_MODEL_UNREADABLE when a
 *   file with weights was changed meanwhile.
 */
export async function writeOnnxFile(
  model: ModelProto,
  path: string,
  { externalData = 'auto' }: WriteOnnxFileOptions = {},
): Promise<void> {
  const files = filesOf(model, path, externalData);
  await replaceFiles(files.map((file) => ({ path: file.path, chunks: chunksOf(file.segments) })));
}

/**
 * The bytes of a model's file that has all weights in it.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for more than 2 GiB
 */
export function onnxFileChunks(model: ModelProto): Iterable<Uint8Array> {
  const segments = unchangedOriginal(model) ?? encodeModel(model);
  checkMessageSize(segments);
  return chunksOf(segments);
}

function filesOf(
  model: ModelProto,
  path: string,
  externalData: NonNullable<WriteOnnxFileOptions['externalData']>,
): FileContent[] {
  if (typeof externalData === 'object') return externalFiles(model, path, externalData);
  const original = unchangedOriginal(model);
  const segments = original ?? encodeModel(model);
  const isLarge = byteLengthOf(segments) > INLINE_BYTES[externalData];
  // What was one file stays one, unless it is to be mapped.
  if (isLarge && (externalData === 'mappable' || !original)) return externalFiles(model, path);
  checkMessageSize(segments);
  return [{ path, segments }];
}
