import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

import { listFiles } from './files.mjs';
import { at, packageJson } from './project.mjs';

/**
 * Lays out what there is to read, with links that lead somewhere from there: to another file of the
 * package, else to the repository. Where package.json names none a link's text stays.
 */
export function layOutDocuments(folder) {
  for (const name of ['LICENSE', 'THIRD-PARTY-NOTICES.md'])
    copyFileSync(at(name), join(folder, name));
  const documents = ['README.md', 'CHANGELOG.md'];
  documents.push(...listFiles(at('docs')).map((path) => `docs/${path}`));
  const packed = new Set([...documents, 'LICENSE', 'THIRD-PARTY-NOTICES.md']);
  for (const path of documents) {
    const text = readFileSync(at(path), 'utf8');
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), packedText(text, path, packed, packageJson()));
  }
}

/** A document's text as it is packed at `path` beside the files `packed`. */
export function packedText(text, path, packed, { version, repository }) {
  const home = repository?.url.replace(/^git\+/, '').replace(/\.git$/, '');
  return text.replace(/\[([^\]]*)\]\(([^)\s]+)\)/g, (link, words, target) => {
    const [file, fragment] = target.split('#');
    if (file === '' || /^\w+:/.test(file)) return link;
    const meant = posix.join(posix.dirname(path), file);
    if (packed.has(meant)) return link;
    if (!existsSync(at(meant))) throw new Error(`${path} links to ${target}, which is not there`);
    if (home === undefined) return words;
    return `[${words}](${home}/blob/v${version}/${meant}${fragment ? `#${fragment}` : ''})`;
  });
}
