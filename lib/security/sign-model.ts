import { stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';

import { checkArray, checkOptions, checkString, optionalBoolean, optionalString } from '../checks';
import { invalidArgument } from '../errors';
import { replaceFiles } from '../files';
import { signBundle } from './bundle';
import { GIT_PATHS, manifestOf, type SignedFile } from './manifest';
import { keyHint, privateKeyOf, type PrivateKey } from './signing-key';
import { encodeStatement } from './statement';

/** How a model is signed. */
export interface SignOptions {
  readonly key: PrivateKey;
  /** Of a key whose PEM is encrypted. */
  readonly passphrase?: string;
  /** Where the signature is written; by default `FILE.sig`, or `model.sig` in a folder. */
  readonly signature?: string;
  /** Within a folder: files and folders that the signature does not cover, beside those of git. */
  readonly ignorePaths?: readonly string[];
  /** Whether links to files are read as files, as in Hugging Face's cache. Default false. */
  readonly allowSymlinks?: boolean;
}

/** What was signed. */
export interface SignedModel {
  /** The signature's file. */
  readonly signature: string;
  /** By which a signature names its key: the SHA-256 of the public key's PEM. */
  readonly keyHint: string;
  readonly files: readonly SignedFile[];
}

const keys: ReadonlySet<string> = new Set<keyof SignOptions>([
  'key',
  'passphrase',
  'signature',
  'ignorePaths',
  'allowSymlinks',
]);

/** Where a model's signature is when nobody says otherwise. */
export async function defaultSignature(model: string): Promise<string> {
  const isFolder = await stat(model).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? join(model, 'model.sig') : `${model}.sig`;
}

/** A path within the model's folder as statements have it; undefined for one outside. */
export function pathWithin(model: string, path: string): string | undefined {
  const within = relative(resolve(model), resolve(path)).split(sep).join('/');
  const isOutside = within === '' || within === '..' || within.startsWith('../');
  return isOutside || resolve(path) === within ? undefined : within;
}

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function checkIgnorePaths(model: string, value: unknown): string[] {
  const path = 'options.ignorePaths';
  return checkArray(value ?? [], path, 100_000).map((item, index) => {
    const given = checkString(item, `${path}[${index}]`);
    const within = pathWithin(model, join(model, given));
    if (within !== undefined) return within;
    throw invalidArgument(`${path}[${index}]`, "a path within the model's folder", given);
  });
}

/**
 * Signs a model, a file or a folder of files, with a key, as OpenSSF model signing does: the
 * signature is the sigstore bundle that PyPI's `model_signing sign key` writes and its
 * `model_signing verify key` verifies. A file's signature does not cover the files of its external
 * data: sign their folder.
 *
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE; ERR_UNSUPPORTED for links that are not
 *   allowed, and what is neither file nor folder; ERR_INVALID_ARGUMENT for an option, a folder without
 *   files, and a signature that cannot be written
 */
export async function signModel(model: string, options: SignOptions): Promise<SignedModel> {
  checkString(model, 'model');
  const checked = checkOptions(options, 'options', keys);
  const key = privateKeyOf(checked['key'], optionalString(checked, 'passphrase', 'options'));
  const signature =
    optionalString(checked, 'signature', 'options') ?? (await defaultSignature(model));
  const own = pathWithin(model, signature);
  const ignorePaths = [
    ...new Set([
      ...GIT_PATHS,
      ...checkIgnorePaths(model, checked['ignorePaths']),
      ...(own === undefined ? [] : [own]),
    ]),
  ];
  const serialization = {
    method: 'files',
    hashType: 'sha256',
    allowSymlinks: optionalBoolean(checked, 'allowSymlinks', 'options') ?? false,
    ignorePaths,
  } as const;
  const files = await manifestOf(model, serialization);
  if (files.length === 0) throw invalidArgument('model', 'a folder with files', model);
  const name = basename(resolve(model));
  const bundle = signBundle(encodeStatement({ name, serialization, files }), key);
  await replaceFiles([{ path: signature, chunks: [Buffer.from(bundle)] }]);
  return { signature, keyHint: keyHint(key), files };
}
