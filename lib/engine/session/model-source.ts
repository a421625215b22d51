import { promises } from 'node:fs';
import { parse } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';

import { checkArray, checkString, ownProperties } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { native, type NativeBytes, type NativeModelSource } from '../addon/native';
import { absolutePath, unreadable } from '../../files';
import { isBlob, isUrl } from '../../realms';
import { isDetachedBuffer } from '../tensor/typed-array';

/** What a model can be created from: a path, a `file:` URL, or its bytes. */
export type ModelSource = string | URL | ArrayBufferView | ArrayBufferLike;

/** How a model's file and external data are read. */
export interface SourceOptions {
  readonly mmap: boolean;
  readonly externalDataLinks: boolean;
  /** Items as the user gave them; undefined where the model's folder has the data. */
  readonly externalData: readonly unknown[] | undefined;
}

/** The arguments of InferenceSession.create, told apart. */
export interface CreateArguments {
  source: string | Uint8Array;
  options: unknown;
}

/**
 * Tells the overloads of `create` apart: (source, options?) and
 * (buffer, byteOffset, byteLength?, options?).
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the argument.
 */
export function parseCreateArguments(args: readonly unknown[]): CreateArguments {
  const [first, second, third, fourth] = args;
  if (typeof first === 'string') {
    const path = first.startsWith('file://') ? urlPath(first) : first;
    if (path === '') throw invalidArgument('model', 'a path that is not empty', path);
    return { source: absolutePath(checkString(path, 'model')), options: second };
  }
  if (isUrl(first)) return { source: urlPath(first.href), options: second };
  if (ArrayBuffer.isView(first)) return { source: viewBytes(first, 'model'), options: second };
  if (!isBuffer(first)) {
    throw invalidArgument('model', 'a path, a file URL, a Buffer or an ArrayBuffer', first);
  }
  if (typeof second !== 'number') return { source: bufferBytes(first, 'model'), options: second };
  const offset = byteRange(second, 'byteOffset', first.byteLength);
  requireAttached(first, 'model');
  const rest = first.byteLength - offset;
  const length = typeof third === 'number' ? byteRange(third, 'byteLength', rest) : rest;
  return {
    source: bytesOf(first, 'model', offset, length),
    options: typeof third === 'number' || third === undefined ? fourth : third,
  };
}

/** What metrics and traces call the model: the option, or else the file's name without extension, or both of `.tflite.gz`. */
export function modelName(source: string | Uint8Array, name: string | undefined): string {
  if (name !== undefined) return name;
  const { name: plain, ext } = parse(typeof source === 'string' ? source : '');
  const file = ext === '.gz' || ext === '.zst' ? parse(plain).name : plain;
  return file === '' ? 'unnamed' : file;
}

/** The bytes of a view, as they are now. @throws OnliteError ERR_BUFFER_DETACHED. */
function viewBytes(view: ArrayBufferView, path: string): Uint8Array {
  requireAttached(view.buffer, path);
  let range: [offset: number, length: number];
  try {
    range = [view.byteOffset, view.byteLength];
  } catch (cause) {
    // Of a DataView that its buffer has become too short for.
    throw new OnliteError('ERR_BUFFER_DETACHED', `${path}: the buffer was resized`, { cause });
  }
  return bytesOf(view.buffer, path, ...range);
}

function bufferBytes(buffer: ArrayBufferLike, path: string): Uint8Array {
  requireAttached(buffer, path);
  return bytesOf(buffer, path, 0, buffer.byteLength);
}

function requireAttached(buffer: ArrayBufferLike, path: string): void {
  if (!isDetachedBuffer(buffer)) return;
  throw new OnliteError('ERR_BUFFER_DETACHED', `${path}: the buffer is detached`);
}

/** A buffer may have more bytes than an array of them can. */
function bytesOf(
  buffer: ArrayBufferLike,
  path: string,
  offset: number,
  length: number,
): Uint8Array {
  try {
    return new Uint8Array(buffer, offset, length);
  } catch (cause) {
    const what = `${path}: ${length} bytes are more than can be read of a buffer; give a path`;
    throw new OnliteError('ERR_UNSUPPORTED', what, { cause });
  }
}

function byteRange(value: number, path: string, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw invalidArgument(path, `an integer from 0 to ${max}`, value);
  }
  return value;
}

function urlPath(url: string): string {
  try {
    return checkString(fileURLToPath(url), 'model');
  } catch (cause) {
    if (cause instanceof OnliteError) throw cause;
    throw new OnliteError('ERR_INVALID_ARGUMENT', `model: expected a file: URL, got ${url}`, {
      cause,
    });
  }
}

/** Of any realm. */
const isBuffer: (value: unknown) => value is ArrayBufferLike = types.isAnyArrayBuffer;

/** Copies the model's bytes, and external data, to where native code may use them. */
export async function toNativeSource(
  source: string | Uint8Array,
  { mmap, externalDataLinks, externalData }: SourceOptions,
): Promise<NativeModelSource> {
  const result: NativeModelSource = { mmap, externalDataLinks };
  const files = externalData === undefined ? undefined : readExternalData(externalData);
  // Reported below, if the model itself is not the first to fail.
  files?.catch(() => undefined);
  if (typeof source === 'string') result.path = source;
  else result.bytes = await copyToNative(source, 'model');
  if (files !== undefined) result.externalData = await files;
  return result;
}

const externalDataPath = 'options.externalData';
const maxExternalFiles = 100_000;

/** The items of the option `externalData`. @throws OnliteError ERR_INVALID_ARGUMENT. */
export function checkExternalData(value: unknown): readonly unknown[] | undefined {
  if (value === undefined) return undefined;
  return checkArray(value, externalDataPath, maxExternalFiles);
}

async function readExternalData(items: readonly unknown[]): Promise<[string, NativeBytes][]> {
  const files: [string, NativeBytes][] = [];
  // All of them before the first is waited for, when the working directory may change.
  const described = items.map((item, index) =>
    describedFile(item, `${externalDataPath}[${index}]`),
  );
  for (const [index, { location, data }] of described.entries()) {
    const path = `${externalDataPath}[${index}]`;
    const bytes = await externalBytes(data, `${path}.data`);
    files.push([checkString(location, `${path}.path`), await copyToNative(bytes, path)]);
  }
  return files;
}

function describedFile(item: unknown, where: string): { location: unknown; data: unknown } {
  if (typeof item === 'string') return { location: item, data: absolutePath(item) };
  if (typeof item !== 'object' || item === null) {
    throw invalidArgument(where, 'a path or {path, data}', item);
  }
  const { path, data } = ownProperties(item);
  return { location: path, data: typeof data === 'string' ? absolutePath(data) : data };
}

async function externalBytes(data: unknown, path: string): Promise<Uint8Array> {
  if (typeof data === 'string') {
    try {
      return await promises.readFile(checkString(data, path));
    } catch (cause) {
      if (cause instanceof OnliteError) throw cause;
      throw unreadable(`${path}: cannot read ${data}`, cause);
    }
  }
  if (isBlob(data)) {
    let buffer: unknown;
    try {
      buffer = await data.arrayBuffer();
    } catch (cause) {
      // Of a file that has changed since, for example.
      throw unreadable(`${path}: cannot read the Blob`, cause);
    }
    if (!isBuffer(buffer)) throw invalidArgument(path, 'a Blob with bytes', data);
    return bufferBytes(buffer, path);
  }
  if (ArrayBuffer.isView(data)) return viewBytes(data, path);
  if (isBuffer(data)) return bufferBytes(data, path);
  throw invalidArgument(path, 'a path, a Blob, a Buffer or an ArrayBuffer', data);
}

/** About 2 ms of copying between two turns of the event loop. */
const chunkBytes = 8 << 20;

async function copyToNative(data: Uint8Array, path: string): Promise<NativeBytes> {
  const length = data.byteLength;
  const bytes = native().allocateBytes(length);
  for (let at = 0; at < length; at += chunkBytes) {
    if (at > 0) await nextTurn();
    if (data.byteLength !== length) {
      throw new OnliteError(
        'ERR_BUFFER_DETACHED',
        `${path}: the buffer was detached or resized while the session was created`,
      );
    }
    native().copyBytes(bytes, at, data.subarray(at, Math.min(at + chunkBytes, length)));
  }
  return bytes;
}
