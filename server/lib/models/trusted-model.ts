import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { OnliteError, type SessionOptions } from 'onlite';
import { verifyModel, type PublicKey, type SignedFile } from 'onlite/security';

/** A model in memory, as a session takes it. */
export interface TrustedModel {
  readonly model: Uint8Array;
  readonly externalData: NonNullable<SessionOptions['externalData']>;
}

/** What lies beside a model and is none of its external data. */
const OTHER = /\.(json|sig|md|txt)$|^LICENSE$/i;

/**
 * Reads a model that a trusted key has signed: the folder of its version (`model.sig` in it) or the file
 * alone (`FILE.sig`). What is returned is what was signed, whoever writes to the files meanwhile, because
 * the bytes themselves are compared with the signature, too.
 *
 * @throws OnliteError as `verifyModel`: ERR_MODEL_INVALID for what is not as it was signed
 */
export async function readTrusted(
  file: string,
  trustedKeys: readonly PublicKey[],
): Promise<TrustedModel> {
  const folder = dirname(file);
  const isFolder = await exists(join(folder, 'model.sig'));
  const { files } = await verifyModel(isFolder ? folder : file, { trustedKeys });
  const own = isFolder ? file.slice(folder.length + 1) : '.';
  const model = await readSigned(file, own, files);
  const names = new Set(files.map(({ name }) => pathOf(name)));
  const others = /\.onnx$/i.test(file) ? [...names].filter((name) => isData(name, own)) : [];
  const externalData = await Promise.all(
    others.map(async (path) => ({ path, data: await readSigned(join(folder, path), path, files) })),
  );
  return { model, externalData };
}

const isData = (name: string, own: string): boolean => name !== own && !OTHER.test(name);

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const PART = /:(\d+):(\d+)$/;

/** A part of a file is called `path:from:to`. */
const pathOf = (name: string): string => name.replace(PART, '');

async function readSigned(
  path: string,
  name: string,
  files: readonly SignedFile[],
): Promise<Uint8Array> {
  const bytes = await readFile(path);
  const signed = files.filter((file) => pathOf(file.name) === name);
  let end = 0;
  for (const { name: part, digest, algorithm } of signed) {
    const [, from = 0, to = bytes.length] = PART.exec(part) ?? [];
    if (Number(from) !== end || digestOf(bytes.subarray(end, Number(to)), algorithm) !== digest) {
      throw changed(path);
    }
    end = Math.min(Number(to), bytes.length);
  }
  if (signed.length === 0 || end !== bytes.length) throw changed(path);
  return bytes;
}

function digestOf(bytes: Uint8Array, algorithm: string): string {
  const [name = ''] = algorithm.split('-');
  return createHash(name === 'blake2b' ? 'blake2b512' : name)
    .update(bytes)
    .digest('hex');
}

const changed = (path: string): OnliteError =>
  new OnliteError('ERR_MODEL_INVALID', `'${path}' was changed after it was verified`);
