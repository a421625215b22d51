// npm run docs [-- --out FOLDER]: the documentation as a static site with a search, by default in
// build/site: the topics of docs/ and the reference of every entry point. A link that leads nowhere,
// in a document or a comment, fails it.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Application } from 'typedoc';

import { packedText } from './lib/packed-documents.mjs';
import { at } from './lib/project.mjs';

/** docs/ by topic, in the order in which one would read it. */
const TOPICS = {
  'Running models': [
    'api',
    'loading',
    'memory',
    'threads',
    'int8',
    'gpu',
    'latency',
    'errors',
    'metrics',
  ],
  'From training to production': [
    'convert',
    'optimize',
    'quantize',
    'prune',
    'compare',
    'security',
  ],
  Serving: ['serve', 'versions', 'deploy', 'monitoring', 'watch'],
  'In other programs': ['electron', 'bundling', 'migrating', 'programs'],
  Reference: ['command-line', 'architecture'],
};

const ENTRY_POINTS = [
  'lib/index.ts',
  'lib/bench/index.ts',
  'lib/metrics/index.ts',
  'lib/electron/index.ts',
  'lib/tflite/index.ts',
  'lib/onnxruntime/index.ts',
  'lib/optimize/index.ts',
  'lib/security/index.ts',
  'lib/watch/index.ts',
  'lib/convert/index.ts',
  'server/lib/index.ts',
  'server/lib/client/index.ts',
];

const documents = new Set(
  Object.values(TOPICS)
    .flat()
    .map((name) => `docs/${name}.md`),
);
/** Links to files that the site does not have become their words. */
const onSite = (text, path) => packedText(text, path, documents, {});

/** A document as typedoc wants it: its title and topic in front. */
function prepared(name, group) {
  const path = `docs/${name}.md`;
  const text = readFileSync(at(path), 'utf8');
  const title = /^# (.+)\n/.exec(text)?.[1];
  if (title === undefined) throw new Error(`${path}: expected to begin with '# Title'`);
  const matter = `---\ntitle: ${JSON.stringify(title)}\ngroup: ${group}\n---\n`;
  return matter + onSite(text, path);
}

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = values.out ?? at('build', 'site');
// Beside docs/, for links between documents and from the README.
const folder = at('build-site', 'docs');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const listed = Object.values(TOPICS).flat();
const there = readdirSync(at('docs')).map((file) => file.replace(/\.md$/, ''));
const missing = there.filter((name) => !listed.includes(name));
if (missing.length > 0) throw new Error(`docs/: in no topic: ${missing.join(', ')}`);
for (const [group, names] of Object.entries(TOPICS)) {
  for (const name of names) writeFileSync(join(folder, `${name}.md`), prepared(name, group));
}
writeFileSync(
  join(folder, '..', 'README.md'),
  onSite(readFileSync(at('README.md'), 'utf8'), 'README.md'),
);
const app = await Application.bootstrap({
  name: 'onlite',
  entryPoints: ENTRY_POINTS.map((path) => at(path)),
  tsconfig: at('tsconfig.json'),
  basePath: at(),
  projectDocuments: listed.map((name) => join(folder, `${name}.md`)),
  readme: join(folder, '..', 'README.md'),
  excludeInternal: true,
  excludePrivate: true,
  validation: { invalidLink: true, notExported: false, invalidPath: true },
  treatValidationWarningsAsErrors: true,
  skipErrorChecking: true,
  disableSources: true,
  githubPages: false,
  searchInComments: true,
  searchInDocuments: true,
  navigation: { includeGroups: true },
  highlightLanguages: ['ts', 'js', 'sh', 'json', 'jsonc', 'yaml', 'python', 'text', 'xml', 'html'],
  logLevel: 'Warn',
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
if (app.logger.hasErrors()) process.exit(1);
await app.generateDocs(project, out);
process.exit(app.logger.hasErrors() ? 1 : 0);
