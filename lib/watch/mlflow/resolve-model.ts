import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { dataFolder } from '../../engine/runtime/installed-providers';
import { OnliteError, invalidArgument } from '../../errors';
import { MlflowClient, unexpected, type MlflowOptions } from './client';

export interface ResolveModelOptions extends MlflowOptions {
  /** Where models are kept, so that each version is fetched once. Default: below the user's data. */
  readonly folder?: string;
}

/** A registered model on this machine. */
export interface ResolvedModel {
  /** Its file: `InferenceSession.create` takes it. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
}

interface Reference {
  readonly name: string;
  readonly version?: string;
  readonly alias?: string;
}

const EXPECTED = "'models:/NAME/VERSION', 'models:/NAME/latest' or 'models:/NAME@ALIAS'";

function parse(uri: unknown): Reference {
  const found =
    typeof uri === 'string' && /^models:\/(?!\.+[/@])([^/@]+)(?:\/([^/@]+)|@([^/@]+))$/.exec(uri);
  if (!found) throw invalidArgument('uri', EXPECTED, uri);
  const [, name = '', version, alias] = found;
  if (alias !== undefined) return { name, alias };
  if (version === undefined || !/^(\d+|latest)$/.test(version)) {
    throw invalidArgument('uri', EXPECTED, uri);
  }
  return version === 'latest' ? { name } : { name, version };
}

async function versionOf(
  client: MlflowClient,
  { name, version, alias }: Reference,
): Promise<string> {
  if (version !== undefined) return version;
  const found =
    alias === undefined
      ? await client.latestModelVersion(name)
      : await client.modelVersionByAlias(name, alias);
  // Paths and addresses are made of it.
  const told: unknown = found.version;
  const number = String(told);
  if (/^\d{1,18}$/.test(number)) return number;
  throw unexpected(`models:/${name}`, "a version's number", told);
}

/** More files than a model has, and deeper than it has folders. */
const MOST_FILES = 10_000;
const DEEPEST = 16;

/** A path of a server's that stays below the folder that it is joined to. */
function requireInside(path: string): void {
  const parts = path.split('/');
  const isInside = parts.every((part) => !['', '.', '..'].includes(part)) && !/[\\:\0]/.test(path);
  if (!isInside) throw invalidArgument('artefact', 'a path inside the model', path);
}

async function downloadAll(client: MlflowClient, uri: string, folder: string): Promise<void> {
  let count = 0;
  const walk = async (below: string, depth: number): Promise<void> => {
    if (depth > DEEPEST) throw invalidArgument('artefacts', 'fewer levels of folders', below);
    for (const { path, is_dir: isFolder } of await client.listArtifacts(uri, below)) {
      // Some servers say a file's path from the top, some its name.
      const own = below !== '' && !path.startsWith(`${below}/`) ? `${below}/${path}` : path;
      requireInside(own);
      if (++count > MOST_FILES) throw invalidArgument('artefacts', 'fewer files', count);
      if (isFolder) await walk(own, depth + 1);
      else {
        await mkdir(dirname(join(folder, own)), { recursive: true });
        await client.downloadArtifact(uri, own, join(folder, own));
      }
    }
  };
  await walk('', 0);
}

/** What `flavors.onnx.data` of an MLmodel file says. */
function onnxData(mlmodel: string): string | undefined {
  const block = /^ {2}onnx:\r?\n((?: {4,}.*\r?\n?)*)/m.exec(mlmodel)?.[1];
  return block && /^ {4}data: *['"]?([^'"\r\n]+?)['"]? *$/m.exec(block)?.[1];
}

/** The model's file: of the ONNX flavour its `data`, else the only .tflite or .onnx file. */
async function modelFile(folder: string, uri: string): Promise<string> {
  const mlmodel = await readFile(join(folder, 'MLmodel'), 'utf8').catch(() => '');
  const data = onnxData(mlmodel);
  if (data !== undefined) {
    requireInside(data);
    const path = join(folder, data);
    // Weights beside it are a folder then.
    return (await stat(path)).isDirectory() ? join(path, 'model.onnx') : path;
  }
  const names = await readdir(folder, { recursive: true });
  for (const ending of ['.tflite', '.onnx']) {
    const [only, second] = names.filter((name) => name.endsWith(ending));
    if (only !== undefined && second === undefined) return join(folder, only);
  }
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `${uri}: has no ONNX flavour and not exactly one .tflite or .onnx file`,
  );
}

/**
 * Brings a model of an MLflow registry onto this machine: one of the ONNX flavour, or one whose
 * artefacts have a TensorFlow Lite file. A version's files do not change, so each is fetched once; an
 * alias and `latest` are asked about each time.
 *
 * @param uri - `models:/NAME/VERSION`, `models:/NAME/latest` or `models:/NAME@ALIAS`
 * @throws OnliteError ERR_INVALID_ARGUMENT for another address; ERR_UNSUPPORTED for a model of other
 *   flavours, and for artefacts that the tracking server does not serve; and as {@link MlflowClient}.
 */
export async function resolveModel(
  uri: string,
  options: ResolveModelOptions = {},
): Promise<ResolvedModel> {
  const reference = parse(uri);
  const { name } = reference;
  const client = new MlflowClient(options);
  const version = await versionOf(client, reference);
  const key = createHash('sha256')
    .update(JSON.stringify([client.trackingUri, name, version]))
    .digest('hex');
  const models = options.folder ?? join(dataFolder(), 'mlflow');
  const folder = join(models, key);
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const unfinished = join(models, `.${key}-${randomBytes(6).toString('hex')}`);
    try {
      await mkdir(unfinished, { recursive: true });
      await downloadAll(client, await client.downloadUri(name, version), unfinished);
      await modelFile(unfinished, uri);
      await rename(unfinished, folder).catch(async (error: unknown) => {
        // Another process may have been quicker.
        if (!(await stat(folder).catch(() => null))) throw error;
      });
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }
  return { path: await modelFile(folder, uri), name, version };
}
