import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { OnliteError } from '../../errors';
import { packageRoot } from '../../package';

/** What the environments of converters are called. */
export const environmentNames = ['sklearn', 'tensorflow', 'onnx2tf', 'torch'] as const;

/** One of {@link environmentNames}. */
export type EnvironmentName = (typeof environmentNames)[number];

/** What a lock says of a platform. */
export interface LockedPlatform {
  /** Of all wheels, with the Python for which they are largest. */
  readonly bytes: number;
  /** E.g. `3.11`, the oldest first. */
  readonly pythons: readonly string[];
}

/** The pinned packages of a converter. */
export interface Lock {
  /** A file of requirements for pip. */
  readonly file: string;
  /** Of the file, in hexadecimal digits. */
  readonly sha256: string;
  /** By `process.platform` and `process.arch`, joined by a dash. */
  readonly platforms: ReadonlyMap<string, LockedPlatform>;
  /** Package and version, of every platform. */
  readonly pins: readonly string[];
}

/**
 * The folder of the converters' programs and locks.
 *
 * @throws OnliteError ERR_UNSUPPORTED where a bundler has taken onlite apart
 */
export function convertersFolder(): string {
  const root = packageRoot();
  if (root !== undefined) return join(root, 'converters');
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    'the programs of the converters are not found: a bundler has taken onlite apart; ' +
      'use the installed package',
  );
}

/** What is in a lock; its first comments say what a platform downloads. */
export function parseLock(text: string): Pick<Lock, 'platforms' | 'pins'> {
  const platforms = new Map<string, LockedPlatform>();
  for (const [, name = '', bytes, pythons = ''] of text.matchAll(/^# (\S+-\S+) (\d+) (\S+)$/gm)) {
    platforms.set(name, { bytes: Number(bytes), pythons: pythons.split(',') });
  }
  const pins = [...text.matchAll(/^([^#\s]+==[^\s]+)/gm)].map(([, pin = '']) => pin);
  return { platforms, pins };
}

/** @throws OnliteError ERR_UNSUPPORTED where the package has no such file */
export function readLock(name: EnvironmentName): Lock {
  const file = join(convertersFolder(), 'locks', `${name}.txt`);
  try {
    const text = readFileSync(file, 'utf8');
    const sha256 = createHash('sha256').update(text).digest('hex');
    return { file, sha256, ...parseLock(text) };
  } catch (cause) {
    throw new OnliteError('ERR_UNSUPPORTED', `the package has no ${file}`, { cause });
  }
}
