import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const libraryNames = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
} as Partial<Record<NodeJS.Platform, string>>;

/** The folder of the real onnxruntime-node. */
export const peer = join(root, 'runtimes/peers/node_modules/onnxruntime-node');

/** Its library. */
export const peerLibrary = join(
  peer,
  'bin/napi-v6',
  process.platform,
  process.arch,
  libraryNames[process.platform] ?? 'none',
);

/** onnxruntime-node has binaries for most platforms; where it has none there is nothing to compare. */
export const hasPeer = existsSync(peerLibrary);
