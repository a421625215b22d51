import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { listFiles } from './files.mjs';

const BLOCK = /("sources": \[\n)([^\]]*?)(\n *\])/;

/** The addon's source files as native/sources.cmake lists them, in its order. */
export function cmakeSources(root) {
  const text = readFileSync(join(root, 'native/sources.cmake'), 'utf8');
  const sources = [];
  for (const [, , body] of text.matchAll(/set\((ONLITE_\w+_SOURCES)([^)]*)\)/g)) {
    sources.push(...body.split(/\s+/).filter((word) => word !== ''));
  }
  return sources;
}

/** The source files that binding.gyp lists. */
export function gypSources(root) {
  const block = BLOCK.exec(readFileSync(join(root, 'binding.gyp'), 'utf8'));
  if (block === null) throw new Error('binding.gyp has no "sources" block');
  return [...block[2].matchAll(/"([^"]+)"/g)].map((match) => match[1]);
}

/** Every .cc file that belongs to the addon: all of native/ but the tests and the ABI check. */
export function diskSources(root) {
  return listFiles(join(root, 'native'))
    .filter((path) => path.endsWith('.cc') && !/^(test|abi)\//.test(path))
    .map((path) => `native/${path}`);
}

/** binding.gyp's text with its sources block made from `sources`. */
export function withGypSources(text, sources) {
  const lines = sources.map((path) => `        "${path}"`).join(',\n');
  return text.replace(BLOCK, (_, open, __, close) => open + lines + close);
}
