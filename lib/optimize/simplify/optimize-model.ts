import { resolve } from 'node:path';

import { checkArray, checkOptions, checkString, optionalChoice } from '../../checks';
import { throwIfAborted } from '../../abort';
import { checkLimits } from '../../engine/run/run-options';
import type { SessionOptions } from '../../engine/session/session-options';
import { invalidArgument, OnliteError } from '../../errors';
import {
  openOnnxFile,
  readOnnxModel,
  writeOnnxFile,
  writeOnnxModel,
  type ModelProto,
} from '../../formats/onnx';
import { unpackedFile } from '../../compressed-model';
import { isTfliteFile, isTfliteModel } from '../../formats/tflite';
import type { ModelSize } from './measure';
import type { OptimizeLevel } from './runtime-level';
import type { Feeds } from './samples';
import { candidate, Search, type Candidate } from './search';
import { Reference, type Verification } from './verification';

export interface OptimizeOptions {
  /**
   * `'portable'`, the default: ONNX's own operators, and those of other domains that the model has.
   * `'runtime'`: also ONNX Runtime's, which nothing else runs.
   */
  readonly level?: OptimizeLevel;
  /** What the result is compared with the original on, by input name; random tensors by default. */
  readonly samples?: readonly Feeds[];
  /** What a session of the model needs, such as libraries of custom operators. */
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
}

const optionKeys = new Set<keyof OptimizeOptions>(['level', 'samples', 'session', 'signal']);
const levels = new Map(['portable', 'runtime'].map((level) => [level, level]));
const MAX_SAMPLES = 2 ** 20;

function checkOptimizeOptions(options: OptimizeOptions): void {
  const checked = checkOptions(options, 'options', optionKeys);
  optionalChoice(checked, 'level', 'options', levels);
  checkLimits(checked, 'options');
  const { samples, session } = checked;
  if (session !== undefined) requireObject(session, 'options.session');
  if (samples === undefined) return;
  const given = checkArray(samples, 'options.samples', MAX_SAMPLES);
  if (given.length === 0) throw invalidArgument('options.samples', 'at least one sample', samples);
  for (const [index, feeds] of given.entries()) requireObject(feeds, `options.samples[${index}]`);
}

function requireObject(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) throw invalidArgument(path, 'an object', value);
}

/** What was made of a model. */
export interface OptimizedModel {
  readonly level: OptimizeLevel;
  readonly before: ModelSize;
  readonly after: ModelSize;
  /** How often each pass was applied. */
  readonly passes: Readonly<Record<string, number>>;
  /** What could not be done, and why. */
  readonly leftOut: readonly string[];
  readonly verification: Verification;
  /** What it was compared on. */
  readonly samples: readonly Feeds[];
  /** The model with all its data, where it was not written to a file. */
  readonly bytes?: Uint8Array;
}

/** A model while it is optimised. */
interface Original {
  readonly model: ModelProto;
  readonly hasExternalData: boolean;
  close(): void;
}

async function openOriginal(input: string | Uint8Array): Promise<Original> {
  if (typeof input === 'string') checkString(input, 'input');
  else if (!(input instanceof Uint8Array)) {
    throw invalidArgument('input', 'a path or the bytes of a model', input);
  }
  if (typeof input === 'string' ? await isTfliteFile(input) : isTfliteModel(input)) {
    const message = "input: TensorFlow Lite's converter has simplified the model; ONNX is expected";
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  if (typeof input === 'string') {
    const unpacked = await unpackedFile(input);
    return unpacked ? openOriginal(unpacked) : openOnnxFile(input);
  }
  return { model: readOnnxModel(input), hasExternalData: false, close: () => undefined };
}

async function write(
  { model }: Candidate,
  { hasExternalData }: Original,
  output: string,
): Promise<void> {
  await writeOnnxFile(model, output, hasExternalData ? { externalData: {} } : {});
}

/**
 * Makes a model simpler that computes the same: with fewer nodes, in no more bytes, with the same
 * inputs and outputs, dynamic dimensions and version of operators. A model that is optimised again
 * stays as it is, to the byte. The result is run beside the original before it is written.
 *
 * @param input - an ONNX model, by its path or its bytes
 * @param output - the file that is written, which may be the input's; nothing is written where
 *   anything fails. External data of the input stays outside, in a file beside the output's.
 * @throws OnliteError ERR_UNSUPPORTED for a model in TensorFlow Lite's format and where the model
 *   takes none of the random samples; ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE or
 *   ERR_MODEL_INVALID; ERR_INVALID_ARGUMENT; ERR_CANCELLED or ERR_TIMEOUT, by the signal.
 */
export async function optimizeModel(
  input: string | Uint8Array,
  output?: string,
  options: OptimizeOptions = {},
): Promise<OptimizedModel> {
  checkOptimizeOptions(options);
  if (output !== undefined) checkString(output, 'output');
  const { level = 'portable', samples, signal } = options;
  throwIfAborted(signal, 'optimising');
  const session = { ...options.session, ...(signal ? { signal } : {}) };
  const original = await openOriginal(input);
  try {
    const reference = await Reference.of(original.model, samples, session);
    const start = candidate(original.model);
    const search = new Search(reference, session, start.size.bytes);
    const portable = await search.simplest(start, 'portable');
    const best = level === 'portable' ? portable : await search.simplest(portable, level);
    const verification = await reference.verify(best.model);
    throwIfAborted(signal, 'optimising');
    const isThere = typeof input === 'string' && resolve(input) === resolve(output ?? '');
    if (output !== undefined && !(isThere && best === start)) await write(best, original, output);
    return {
      level,
      before: start.size,
      after: best.size,
      passes: best.passes,
      leftOut: [...search.leftOut],
      verification,
      samples: reference.samples,
      ...(output === undefined ? { bytes: writeOnnxModel(best.model) } : {}),
    };
  } finally {
    original.close();
  }
}

/**
 * Makes a model simpler as {@link optimizeModel} does, by the first step of the search alone: what
 * others would find is little beside the time that they take, where the model is changed anyway.
 *
 * @param output - the file that is written
 * @throws OnliteError as optimizeModel.
 */
export async function simplifyOnce(
  input: string,
  output: string,
  options: Pick<OptimizeOptions, 'samples' | 'session' | 'signal'>,
): Promise<void> {
  const { samples, signal } = options;
  throwIfAborted(signal, 'optimising');
  const session = { ...options.session, ...(signal ? { signal } : {}) };
  const original = await openOriginal(input);
  try {
    const start = candidate(original.model);
    const reference = await Reference.of(original.model, samples, session);
    const search = new Search(reference, session, start.size.bytes);
    await write(await search.simpler(start, 'portable'), original, output);
  } finally {
    original.close();
  }
}
