/**
 * Import this before `@huggingface/transformers` (version 3 or 4), and its models run on onlite:
 * where transformers.js asks for onnxruntime-node it gets `onlite/onnxruntime`. Nothing is installed
 * or written; `onlite adopt` does the same for every package, without the import.
 *
 * @throws OnliteError ERR_UNSUPPORTED if transformers.js is not found, or was imported before.
 * @packageDocumentation
 */
import { Module, createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { OnliteError } from '../errors';
import * as dropIn from '../onnxruntime/index';

const transformers = '@huggingface/transformers';
const replaced = 'onnxruntime-node';

/** The file that transformers.js loads onnxruntime-node from, as the program finds them. */
function findReplaced(): string {
  const program = process.argv[1];
  const started = program === undefined ? [] : [dirname(program)];
  const folders = new Set([...started, process.cwd(), __dirname]);
  let cause: unknown;
  for (const folder of folders) {
    try {
      const file = createRequire(join(folder, 'index.js')).resolve(transformers);
      return createRequire(file).resolve(replaced);
    } catch (error) {
      cause ??= error;
    }
  }
  const message = `${transformers} with its ${replaced} is not found from ${[...folders].join(', ')}`;
  throw new OnliteError('ERR_UNSUPPORTED', message, { cause });
}

const file = findReplaced();
const known = require.cache[file];
// onnxruntime-node may share onnxruntime-common's classes with the drop-in; this is its own.
const isOurs =
  (known?.exports as Partial<typeof dropIn> | undefined)?.listSupportedBackends ===
  dropIn.listSupportedBackends;
if (known?.loaded === true && !isOurs) {
  const message = `${replaced} is loaded already: import onlite/transformers before ${transformers}`;
  throw new OnliteError('ERR_UNSUPPORTED', message);
}
// An import that is still being linked has an entry already, and goes by that.
const stand = known ?? new Module(file);
stand.filename = file;
stand.exports = dropIn;
stand.loaded = true;
require.cache[file] = stand;
