import { readFileSync } from 'node:fs';

import { at } from '../lib/project.mjs';

const fileBlock = /^<!-- file: (\S+) -->\n\n```\w+\n([^]*?)^```$/gm;

/** The files that docs/bundling.md shows, by name: what is tested is what users read. */
export const recipes = Object.fromEntries(
  [...readFileSync(at('docs/bundling.md'), 'utf8').matchAll(fileBlock)].map(([, name, content]) => [
    name,
    content,
  ]),
);

/** A bundler's configuration of the page, with onlite in the bundle. */
export const inlined = (name) => recipes[name].replace(/^.*\/\/ external\n/gm, '');
