import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import { unreadable } from '../files';
import { isError } from '../realms';

async function addFile(hash: Hash, path: string): Promise<void> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      hash.update(chunk as Buffer);
    }
  } catch (cause) {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${path}': ${reason}`, cause);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // Links are followed, as by those who read the model: caches have links in the place of files.
    const found = await stat(path);
    if (found.isDirectory()) files.push(...(await filesOf(path)));
    else if (found.isFile()) files.push(path);
  }
  return files;
}

/**
 * The SHA-256 of a file; of a folder, that of its files' names and their own SHA-256 in the order of
 * the names, each line as `sha256sum` prints it.
 */
export async function sourceHash(source: string): Promise<string> {
  const hash = createHash('sha256');
  if (!(await stat(source)).isDirectory()) {
    await addFile(hash, source);
    return hash.digest('hex');
  }
  const files = await filesOf(source).catch((cause: unknown) => {
    const reason = isError(cause) ? cause.message : String(cause);
    throw unreadable(`cannot read '${source}': ${reason}`, cause);
  });
  const names = files.map((path) => relative(source, path).split(sep).join('/'));
  for (const name of names.sort()) {
    const own = createHash('sha256');
    await addFile(own, join(source, name));
    hash.update(`${own.digest('hex')}  ${name}\n`);
  }
  return hash.digest('hex');
}
