import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

import { OnliteError } from '../errors';
import { firstBytes, unreadable } from '../files';
import { isTfliteModel } from '../formats/tflite';
import type { EnvironmentName } from './environment/lock';

/** What a source is. */
export type SourceKind =
  'keras' | 'saved-model' | 'sklearn' | 'torch-export' | 'torchscript' | 'onnx' | 'tflite';

/** What a source becomes. */
export type TargetFormat = 'onnx' | 'tflite';

/** How a source gets to a target. */
export interface Plan {
  readonly source: string;
  readonly kind: SourceKind;
  readonly format: TargetFormat;
  /** The file that is written. */
  readonly target: string;
  readonly environment: EnvironmentName;
  /** Of Python, in the folder of the converters. */
  readonly program: string;
}

const KINDS: ReadonlyMap<string, SourceKind> = new Map([
  ['.keras', 'keras'],
  ['.h5', 'keras'],
  ['.hdf5', 'keras'],
  ['.joblib', 'sklearn'],
  ['.skops', 'sklearn'],
  ['.pkl', 'sklearn'],
  ['.pickle', 'sklearn'],
  ['.pt2', 'torch-export'],
  ['.pt', 'torchscript'],
  ['.pth', 'torchscript'],
  ['.ts', 'torchscript'],
  ['.torchscript', 'torchscript'],
  ['.onnx', 'onnx'],
  ['.tflite', 'tflite'],
]);

/** What each kind becomes, that which fits it best first. */
const ROUTES: Readonly<
  Record<SourceKind, readonly (readonly [TargetFormat, EnvironmentName, string])[]>
> = {
  keras: [
    ['tflite', 'tensorflow', 'tensorflow_models.py'],
    ['onnx', 'tensorflow', 'tensorflow_models.py'],
  ],
  'saved-model': [
    ['tflite', 'tensorflow', 'tensorflow_models.py'],
    ['onnx', 'tensorflow', 'tensorflow_models.py'],
  ],
  sklearn: [['onnx', 'sklearn', 'sklearn_models.py']],
  'torch-export': [['onnx', 'torch', 'torch_models.py']],
  torchscript: [['onnx', 'torch', 'torch_models.py']],
  tflite: [['onnx', 'tensorflow', 'tensorflow_models.py']],
  onnx: [['tflite', 'onnx2tf', 'onnx_models.py']],
};

const NAMES: Readonly<Record<SourceKind, string>> = {
  keras: 'a Keras model',
  'saved-model': 'a SavedModel',
  sklearn: 'a model of scikit-learn',
  'torch-export': 'an exported program of PyTorch',
  torchscript: 'a TorchScript model',
  onnx: 'an ONNX model',
  tflite: 'a TensorFlow Lite model',
};

const FORMATS: Readonly<Record<TargetFormat, string>> = { onnx: 'ONNX', tflite: 'TensorFlow Lite' };

async function kindOf(source: string): Promise<SourceKind> {
  const found = await stat(source).catch((cause: unknown) => {
    throw unreadable(`cannot read '${source}'`, cause);
  });
  if (found.isDirectory()) {
    const graph = await stat(join(source, 'saved_model.pb')).catch(() => undefined);
    if (graph?.isFile() === true) return 'saved-model';
    throw new OnliteError(
      'ERR_MODEL_INVALID',
      `source: the folder '${source}' is no SavedModel: it has no saved_model.pb`,
    );
  }
  if (isTfliteModel(await firstBytes(source, 8))) return 'tflite';
  if (basename(source) === 'saved_model.pb') {
    throw new OnliteError(
      'ERR_MODEL_INVALID',
      `source: expected the SavedModel's folder '${dirname(source)}', got a file of it`,
    );
  }
  const kind = KINDS.get(extname(source).toLowerCase());
  if (kind !== undefined) return kind;
  const known = [...KINDS.keys()].join(', ');
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `source: expected a SavedModel's folder, or a file of ${known}, got '${source}'`,
  );
}

function formatOf(target: string): TargetFormat {
  const extension = extname(target).toLowerCase();
  if (extension === '.onnx') return 'onnx';
  if (extension === '.tflite') return 'tflite';
  throw new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `target: expected a name that ends with .onnx or .tflite, got '${target}'`,
  );
}

/** The source's name with the format's extension, in the working directory as compilers have it. */
function targetOf(source: string, format: TargetFormat): string {
  const name = basename(source.replace(/[\\/]+$/, ''));
  const extension = KINDS.has(extname(name).toLowerCase()) ? extname(name) : '';
  return `${name.slice(0, name.length - extension.length)}.${format}`;
}

/**
 * How a source is converted.
 *
 * @param target - whose extension says what it becomes; by default what fits the source best, under
 *   its name in the working directory
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_INVALID, ERR_UNSUPPORTED where nothing converts
 *   the one to the other, ERR_INVALID_ARGUMENT for a target of another extension
 */
export async function planConversion(source: string, target?: string): Promise<Plan> {
  const kind = await kindOf(source);
  const routes = ROUTES[kind];
  const wanted = target === undefined ? undefined : formatOf(target);
  const route = wanted === undefined ? routes[0] : routes.find(([format]) => format === wanted);
  if (route === undefined) {
    const to = FORMATS[wanted ?? (kind === 'onnx' ? 'tflite' : 'onnx')];
    throw new OnliteError('ERR_UNSUPPORTED', `there is no converter from ${NAMES[kind]} to ${to}`);
  }
  const [format, environment, program] = route;
  return { source, kind, format, environment, program, target: target ?? targetOf(source, format) };
}
