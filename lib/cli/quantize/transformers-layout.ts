import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { OnliteError } from '../../errors';
import { isMissing, replaceFiles } from '../../files';
import { openOnnxFile, writeOnnxFile } from '../../formats/onnx';
import { isTfliteFile } from '../../formats/tflite';
import type { QuantizeMethod } from '../../optimize/quantize/quantize-options';
import { targetTypes, type Target } from '../../optimize/quantize/target';
import { measureModel } from '../../optimize/simplify/measure';

/**
 * What transformers.js calls the types of models' files that can be made, and the names' ends by which
 * it finds them.
 *
 * @see DEFAULT_DTYPE_SUFFIX_MAPPING in its utils/dtypes.js
 */
const SUFFIXES = { q8: 'quantized', int8: 'int8', q4: 'q4', fp16: 'fp16' } as const;
export type Dtype = keyof typeof SUFFIXES;
export const dtypes = Object.keys(SUFFIXES) as readonly Dtype[];

/** Methods of quantising to a type; the first is the default. */
export const METHODS_OF: Readonly<Record<Dtype, readonly QuantizeMethod[]>> = {
  q8: ['auto', 'static', 'dynamic'],
  int8: ['auto', 'static', 'dynamic'],
  q4: ['weight-only'],
  fp16: ['float16'],
};

/** A model that is quantised into transformers.js's layout. */
export interface TransformersModel {
  /** The folder with `config.json` and the tokenizer's files. */
  readonly folder: string;
  readonly dtype: Dtype;
}

const modelName = (input: string): string => basename(input, '.onnx');

/** Where transformers.js looks for a model's file. */
export function layoutFile(input: string, { folder, dtype }: TransformersModel): string {
  return join(folder, 'onnx', `${modelName(input)}_${SUFFIXES[dtype]}.onnx`);
}

type Config = Readonly<Record<string, unknown>>;

const CONFIG = 'quantize_config.json';

const isObject = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the folder says of models that were quantised before, of which this may be another part. */
async function readConfig(folder: string): Promise<Config> {
  const file = join(folder, CONFIG);
  const fail = (reason: string, cause?: unknown): never => {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `OUT: ${file}: ${reason}`, { cause });
  };
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    return isMissing(error) ? {} : fail('cannot be read', error);
  }
  let config: unknown;
  try {
    config = JSON.parse(content);
  } catch (error) {
    return fail('is no JSON', error);
  }
  return isObject(config) ? config : fail('is no object');
}

/**
 * How the model was quantised, in the words of transformers.js's conversion script: of its version 3,
 * and by model as in version 2.
 */
function extendConfig(
  config: Config,
  name: string,
  { dtype, operators, target, blockSize = 32 }: Quantization,
): Config {
  const { modes, per_model_config: models } = config;
  const is8Bit = dtype === 'q8' || dtype === 'int8';
  const known: readonly unknown[] = Array.isArray(modes) ? modes : [];
  const all = isObject(models) ? models : {};
  const earlier = isObject(all[name]) ? all[name] : {};
  const model = { ...earlier, op_types: operators, ...(is8Bit ? { weight_type: 'QInt8' } : {}) };
  return {
    ...config,
    modes: [...new Set([...known, dtype])],
    ...(is8Bit ? { per_channel: true, reduce_range: targetTypes(target).addsInPairs } : {}),
    ...(dtype === 'q4' ? { block_size: blockSize, is_symmetric: true } : {}),
    per_model_config: { ...all, [name]: model },
  };
}

interface Quantization {
  readonly dtype: Dtype;
  /** The types of the float model's operators. */
  readonly operators: readonly string[];
  readonly target: Target;
  readonly blockSize?: number;
}

/** Gives external data the name by which transformers.js knows it. */
async function renameExternalData(file: string): Promise<void> {
  const opened = openOnnxFile(file);
  try {
    if (!opened.hasExternalData) return;
    const location = `${basename(file)}_data`;
    await writeOnnxFile(opened.model, file, { externalData: { location } });
  } finally {
    opened.close();
  }
  await rm(`${file}.data`, { force: true });
}

function operatorsOf(file: string): string[] {
  const opened = openOnnxFile(file);
  try {
    return Object.keys(measureModel(opened.model).operators).sort();
  } finally {
    opened.close();
  }
}

/**
 * Has a model made into transformers.js's layout: the folder `onnx` is there meanwhile, and is gone
 * again where nothing was written; else `quantize_config.json` says how.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where the folder cannot be, or what it has is damaged,
 *   ERR_UNSUPPORTED for TensorFlow Lite models.
 */
export async function inLayout<Result extends { readonly chosen?: unknown }>(
  input: string,
  { folder, dtype }: TransformersModel,
  settings: Omit<Quantization, 'dtype' | 'operators'>,
  make: () => Promise<Result>,
): Promise<Result> {
  if (await isTfliteFile(input)) {
    const message = `--dtype: transformers.js runs ONNX models, and '${input}' is TensorFlow Lite's`;
    throw new OnliteError('ERR_UNSUPPORTED', message);
  }
  const config = await readConfig(folder);
  const file = layoutFile(input, { folder, dtype });
  const created = await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OnliteError('ERR_INVALID_ARGUMENT', `OUT: ${reason}`, { cause });
  });
  let isWritten = false;
  try {
    const result = await make();
    if (result.chosen === undefined) return result;
    isWritten = true;
    await renameExternalData(file);
    const quantization = { ...settings, dtype, operators: operatorsOf(input) };
    const extended = extendConfig(config, modelName(input), quantization);
    const text = Buffer.from(`${JSON.stringify(extended, null, 2)}\n`);
    await replaceFiles([{ path: join(folder, CONFIG), chunks: [text] }]);
    return result;
  } finally {
    if (!isWritten && created !== undefined) await rm(created, { recursive: true, force: true });
  }
}
