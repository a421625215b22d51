import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { OnliteError } from '../errors';
import { unreadable } from '../files';
import { isError } from '../realms';

/** A file of a model, or a part of one, and its hash. */
export interface SignedFile {
  /** Within the model's folder, with `/`; `.` where the model is one file. A part is `path:from:to`. */
  readonly name: string;
  readonly algorithm: string;
  /** Hexadecimal. */
  readonly digest: string;
}

/**
 * How the files of a model become a list, as model-signing writes it into a statement
 * (https://github.com/sigstore/model-transparency).
 */
export interface Serialization {
  readonly method: 'files' | 'shards';
  readonly hashType: HashType;
  readonly allowSymlinks: boolean;
  readonly ignorePaths: readonly string[];
  /** The bytes of a part, by method `shards`. */
  readonly shardSize?: number;
}

/** OpenSSL's names for what model-signing calls these. */
const HASHES = { sha256: 'sha256', blake2b: 'blake2b512' } as const;
export type HashType = keyof typeof HASHES;

export const isHashType = (name: unknown): name is HashType =>
  typeof name === 'string' && Object.hasOwn(HASHES, name);

/** What model-signing leaves out of any folder. */
export const GIT_PATHS: readonly string[] = ['.git', '.gitattributes', '.github', '.gitignore'];

interface Entry {
  readonly name: string;
  readonly path: string;
}

const refuse = (path: string, what: string): OnliteError =>
  new OnliteError('ERR_UNSUPPORTED', `'${path}' ${what}`);

/** Calls a function of the file system, whose errors become those of the model. */
async function system<Result>(path: string, result: Promise<Result>): Promise<Result> {
  return result.catch((cause: unknown) => {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  });
}

/** Whether it is a file or a folder. @throws OnliteError ERR_UNSUPPORTED for what is neither. */
async function kindOf(path: string, allowSymlinks: boolean): Promise<'file' | 'folder'> {
  const own = await system(path, lstat(path));
  const isLink = own.isSymbolicLink();
  if (isLink && !allowSymlinks) {
    throw refuse(path, 'is a symbolic link, which is followed where links are allowed');
  }
  const found = isLink ? await system(path, stat(path)) : own;
  if (found.isFile()) return 'file';
  if (!found.isDirectory()) throw refuse(path, 'is neither a file nor a folder');
  // model-signing does not look into them, so a signature would say nothing of what is there.
  if (isLink) throw refuse(path, 'is a symbolic link to a folder');
  return 'folder';
}

/** Every file that counts, in no particular order. */
async function filesOf(
  model: string,
  { allowSymlinks, ignorePaths }: Serialization,
): Promise<Entry[]> {
  if ((await kindOf(model, allowSymlinks)) === 'file') return [{ name: '.', path: model }];
  const ignored = ignorePaths.map((path) => path.replace(/\/+$/, ''));
  const isIgnored = (name: string): boolean =>
    ignored.some((path) => name === path || name.startsWith(`${path}/`));
  const files: Entry[] = [];
  const walk = async (folder: string, prefix: string): Promise<void> => {
    for (const own of await system(folder, readdir(folder))) {
      const name = prefix + own;
      if (isIgnored(name)) continue;
      const path = join(folder, own);
      if ((await kindOf(path, allowSymlinks)) === 'folder') await walk(path, `${name}/`);
      else files.push({ name, path });
    }
  };
  await walk(model, '');
  return files;
}

/** Python's order of paths: part by part, by code points, which is the order of UTF-8's bytes. */
export function comparePaths(left: string, right: string): number {
  const [a, b] = [left.split('/'), right.split('/')];
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = Buffer.compare(Buffer.from(a[index] ?? ''), Buffer.from(b[index] ?? ''));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** @param end - the first byte that no longer counts */
async function digestOf(path: string, hash: HashType, start: number, end: number): Promise<string> {
  const hasher = createHash(HASHES[hash]);
  const range = end === Infinity ? {} : { start, end: end - 1 };
  const read = async (): Promise<void> => {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...range })) {
      hasher.update(chunk as Buffer);
    }
  };
  await system(path, read());
  return hasher.digest('hex');
}

async function describe(
  { name, path }: Entry,
  { method, hashType, shardSize }: Serialization,
): Promise<SignedFile[]> {
  if (method === 'files' || shardSize === undefined) {
    return [{ name, algorithm: hashType, digest: await digestOf(path, hashType, 0, Infinity) }];
  }
  const { size } = await system(path, stat(path));
  const algorithm = `${hashType}-sharded-${shardSize}`;
  const parts: SignedFile[] = [];
  for (let start = 0; start < size; start += shardSize) {
    const end = Math.min(size, start + shardSize);
    const digest = await digestOf(path, hashType, start, end);
    parts.push({ name: `${name}:${start}:${end}`, algorithm, digest });
  }
  return parts;
}

/**
 * Every file of a model with its hash, in the order in which model-signing lists them.
 *
 * @param model - a file, or a folder with everything in it
 * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE; ERR_UNSUPPORTED for links that are not
 *   allowed, and what is neither file nor folder
 */
export async function manifestOf(
  model: string,
  serialization: Serialization,
): Promise<SignedFile[]> {
  const files = await filesOf(model, serialization);
  files.sort((a, b) => comparePaths(a.name, b.name));
  const found: SignedFile[] = [];
  for (const file of files) found.push(...(await describe(file, serialization)));
  return found;
}

/** The hash of all hashes, which stands for the model. */
export function rootDigest(files: readonly SignedFile[]): string {
  const hasher = createHash('sha256');
  for (const { digest } of files) hasher.update(digest, 'hex');
  return hasher.digest('hex');
}
