import { readFile } from 'node:fs/promises';

import { checkArray, checkOptions, checkString, optionalBoolean, optionalString } from '../checks';
import { OnliteError, invalidArgument } from '../errors';
import { firstBytes, unreadable } from '../files';
import { verifyBundle } from './bundle';
import { GIT_PATHS, manifestOf, type SignedFile } from './manifest';
import { checkIgnorePaths, defaultSignature, pathWithin } from './sign-model';
import { publicKeyOf, type PublicKey } from './signing-key';
import { parseStatement } from './statement';

/** By what a model is verified. */
export interface VerifyOptions {
  /** The keys of which one must have signed it. */
  readonly trustedKeys: readonly PublicKey[];
  /** The signature's file; by default where {@link signModel} writes it. */
  readonly signature?: string;
  /** Within a folder: what may be there and is not signed, beside what the signature says. */
  readonly ignorePaths?: readonly string[];
  /** Whether links to files are read as files. Default false, whatever the signature says. */
  readonly allowSymlinks?: boolean;
}

/** What a trusted key has signed, and is there. */
export interface VerifiedModel {
  /** What the model was called when it was signed. */
  readonly name: string;
  /** Of the key that has signed it. */
  readonly keyHint: string;
  readonly files: readonly SignedFile[];
}

/** How a model differs from what was signed: names of files. */
export interface Verification extends VerifiedModel {
  readonly changed: readonly string[];
  readonly missing: readonly string[];
  /** There, and not signed. */
  readonly extra: readonly string[];
}

const keys: ReadonlySet<string> = new Set<keyof VerifyOptions>([
  'trustedKeys',
  'signature',
  'ignorePaths',
  'allowSymlinks',
]);
const maxKeys = 1000;

async function readSignature(path: string): Promise<string> {
  await firstBytes(path, 0);
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(`cannot read '${path}'`, cause);
  });
}

/**
 * Compares a model with what a trusted key has signed.
 *
 * @throws OnliteError as {@link verifyModel}, but for files that differ
 */
export async function compareWithSignature(
  model: string,
  options: VerifyOptions,
): Promise<Verification> {
  checkString(model, 'model');
  const checked = checkOptions(options, 'options', keys);
  const path = 'options.trustedKeys';
  const trusted = checkArray(checked['trustedKeys'], path, maxKeys).map((key, index) =>
    publicKeyOf(key, `${path}[${index}]`),
  );
  if (trusted.length === 0) throw invalidArgument(path, 'a key', checked['trustedKeys']);
  const signature =
    optionalString(checked, 'signature', 'options') ?? (await defaultSignature(model));
  const { payload, keyHint } = verifyBundle(await readSignature(signature), trusted);
  const { name, serialization, files } = parseStatement(payload);
  const own = pathWithin(model, signature);
  const found = await manifestOf(model, {
    ...serialization,
    allowSymlinks: optionalBoolean(checked, 'allowSymlinks', 'options') ?? false,
    ignorePaths: [
      ...GIT_PATHS,
      ...serialization.ignorePaths,
      ...checkIgnorePaths(model, checked['ignorePaths']),
      ...(own === undefined ? [] : [own]),
    ],
  });
  const signed = new Map(files.map((file) => [file.name, file]));
  const there = new Map(found.map((file) => [file.name, file]));
  const isOther = ({ name: of, algorithm, digest }: SignedFile): boolean => {
    const actual = there.get(of);
    return actual !== undefined && (actual.digest !== digest || actual.algorithm !== algorithm);
  };
  return {
    name,
    keyHint,
    files,
    changed: files.filter(isOther).map((file) => file.name),
    missing: files.filter((file) => !there.has(file.name)).map((file) => file.name),
    extra: found.filter((file) => !signed.has(file.name)).map((file) => file.name),
  };
}

/** What differs, in a line; empty where nothing does. */
export function differences({ changed, missing, extra }: Verification): string {
  const named = (what: string, names: readonly string[]): string[] => {
    if (names.length === 0) return [];
    const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
    return [`${what}: ${names.slice(0, 5).join(', ')}${more}`];
  };
  return [
    ...named('changed', changed),
    ...named('missing', missing),
    ...named('not signed', extra),
  ].join('; ');
}

/**
 * Checks that a model, a file or a folder, is what the holder of a trusted key has signed, by
 * {@link signModel} or PyPI's `model_signing sign key`: every file has its hash, none is missing and
 * none was added. What is read later may have been replaced since: compare its hash with `files`.
 *
 * @throws OnliteError ERR_MODEL_INVALID where the signature is not of a trusted key or damaged, or files
 *   differ, which it names; ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE for the model or the signature;
 *   ERR_UNSUPPORTED for signatures without a key (by certificates), and links that are not allowed;
 *   ERR_INVALID_ARGUMENT for an option
 */
export async function verifyModel(model: string, options: VerifyOptions): Promise<VerifiedModel> {
  const verification = await compareWithSignature(model, options);
  const found = differences(verification);
  if (found !== '')
    throw new OnliteError('ERR_MODEL_INVALID', `'${model}' is not as signed: ${found}`);
  const { name, keyHint, files } = verification;
  return { name, keyHint, files };
}
