import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where this package's files are, wherever in it this is bundled to. */
export function packageFolder(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'schemas', 'model.schema.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('files of @onlite/server are missing');
    folder = parent;
  }
  return folder;
}
