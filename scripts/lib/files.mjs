import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** SHA-256 of a file in hexadecimal, read in pieces so that a large library costs no memory. */
export function sha256File(file) {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const length = readSync(descriptor, buffer, 0, buffer.length, null);
      if (length === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a file so that another process sees the old content or the new one, never a part. A
 * library that is mapped by a running process keeps its old pages, as the new one is another inode.
 */
export function writeFileAtomic(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** stat, or null where there is nothing. */
export function statOrNull(file) {
  return statSync(file, { throwIfNoEntry: false }) ?? null;
}

/** Parsed JSON of a file, or null when it is absent or damaged: stamps are rebuilt, not trusted. */
export function readJsonOrNull(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Every file below `folder` as sorted paths with forward slashes, relative to it. */
export function listFiles(folder, skip = () => false, prefix = '') {
  const found = [];
  let entries;
  try {
    entries = readdirSync(join(folder, prefix), { withFileTypes: true });
  } catch {
    return found;
  }
  for (const entry of entries) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (skip(path)) continue;
    if (entry.isDirectory()) found.push(...listFiles(folder, skip, path));
    else found.push(path);
  }
  return found.sort();
}

/** One digest over names and contents of files, and over `extra` values that matter as well. */
export function digestFiles(root, paths, extra = []) {
  const hash = createHash('sha256');
  for (const value of extra) hash.update(`${value}\0`);
  for (const path of paths) {
    const file = join(root, path);
    if (statOrNull(file) === null) continue;
    const content = readFileSync(file);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
