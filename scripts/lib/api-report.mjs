import { dirname, join, relative, resolve, sep } from 'node:path';

import prettier from 'prettier';
import ts from 'typescript';

import { readJsonOrNull } from './files.mjs';

/** What every program has and nobody changes by accident. */
const COMMON_PACKAGES = ['typescript', '@types/node'];

/** Whose reports these are, by what their names begin with. */
const PACKAGES = { 'onlite-server': '@onlite/server', onlite: 'onlite' };

/** The name of an entry point's report: `onlite-server-client.api.md` of `@onlite/server/client`. */
const reportFile = (entry) => `${entry.replace('@', '').replaceAll('/', '-')}.api.md`;

/** The package that a report is of, by its file's name. */
export const packageOfReport = (file) =>
  Object.entries(PACKAGES).find(([prefix]) => file.startsWith(prefix))?.[1];

/**
 * Describes what a built package declares: for each entry point of its `exports` the declarations
 * of all exported names, without comments and sorted, and of what they refer to and is not exported.
 * What another entry point or package declares is named only.
 *
 * @param {string} folder the package, with `dist` and its dependencies in `node_modules`
 * @returns {Promise<Map<string, string>>} Markdown by file name
 */
export async function apiReports(folder) {
  const { name, exports } = readJsonOrNull(join(folder, 'package.json'));
  const entries = Object.entries(exports)
    .filter(([, target]) => target.types !== undefined)
    .map(([path, { types }]) => ({ name: name + path.slice(1), file: join(folder, types) }));
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node20,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      // A workspace's are those of the package around it.
      typeRoots: [folder, dirname(folder)].map((root) => join(root, 'node_modules/@types')),
      noEmit: true,
    },
  );
  const checker = program.getTypeChecker();
  for (const entry of entries) entry.exports = exportsOf(checker, program, entry.file);
  const owners = ownersOf(entries);

  const reports = new Map();
  for (const entry of entries) {
    const text = new Report(checker, join(folder, 'dist'), owners, entry).text();
    const markdown = `# API of \`${entry.name}\`\n\n\`\`\`ts\n${text}\n\`\`\`\n`;
    reports.set(reportFile(entry.name), await prettier.format(markdown, FORMAT));
  }
  return reports;
}

const FORMAT = { parser: 'markdown', printWidth: 100, singleQuote: true };

/** What an entry point exports: {name, symbol, isTypeOnly} each, sorted by name. */
function exportsOf(checker, program, file) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  // A file without imports and exports, which is run for what it does, is no module.
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  return symbols
    .map((exported) => ({
      name: exported.name,
      symbol: resolved(checker, exported),
      isTypeOnly: exported.declarations?.some(ts.isTypeOnlyExportDeclaration) ?? false,
    }))
    .sort((a, b) => compare(a.name, b.name));
}

/** The first entry point that exports a symbol, and by what name. */
function ownersOf(entries) {
  const owners = new Map();
  for (const entry of entries) {
    for (const { name, symbol } of entry.exports) {
      if (!owners.has(symbol)) owners.set(symbol, { entry: entry.name, name });
    }
  }
  return owners;
}

const resolved = (checker, symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** One entry point's report in the making. */
class Report {
  #printer = ts.createPrinter({ removeComments: true });
  /** Statements that import or export what is declared elsewhere. */
  #elsewhere = new Set();
  /** Symbols that are declared in the package, met but exported by no entry point. */
  #internals = new Set();

  constructor(checker, dist, owners, entry) {
    Object.assign(this, { checker, dist, owners, entry });
  }

  text() {
    const exported = this.entry.exports.map((one) => this.#exported(one));
    // The set grows while it is walked: by what its own members refer to.
    const internals = [];
    for (const symbol of this.#internals) {
      internals.push({ symbol, text: this.#declarations(symbol).join('\n') });
    }
    internals.sort(
      (a, b) => compare(a.symbol.name, b.symbol.name) || compare(this.#path(a), this.#path(b)),
    );
    const hidden = internals.map(({ text }) => text);
    if (hidden.length > 0) hidden.unshift('// Not exported, and part of what is:');
    const elsewhere = [...this.#elsewhere].sort().join('\n');
    return [elsewhere, ...exported, ...hidden].filter((text) => text !== '').join('\n\n');
  }

  #path = ({ symbol }) => relative(this.dist, symbol.declarations[0].getSourceFile().fileName);

  /** The declarations that stand for one exported name; none if they are elsewhere. */
  #exported({ name, symbol, isTypeOnly }) {
    const owner = this.owners.get(symbol);
    const type = isTypeOnly ? 'type ' : '';
    const origin = this.#originOf(symbol);
    if (origin !== null) {
      const source = owner.name === name ? name : `${owner.name} as ${name}`;
      this.#elsewhere.add(`export { ${type}${source} } from '${origin}';`);
      return '';
    }
    const statements = this.#declarations(symbol);
    const isPlain = symbol.name === name && !(isTypeOnly && symbol.flags & ts.SymbolFlags.Value);
    if (!isPlain) statements.push(`export { ${type}${symbol.name} as ${name} };`);
    return statements.join('\n');
  }

  /** The other package or entry point that a symbol is from; null for this entry point. */
  #originOf(symbol) {
    const entry = this.owners.get(symbol)?.entry;
    return this.#packageOf(symbol) ?? (entry === this.entry.name ? null : (entry ?? null));
  }

  /** The package that declares a symbol; null for this one. */
  #packageOf(symbol) {
    const file = resolve(symbol.declarations[0].getSourceFile().fileName);
    if (file.startsWith(this.dist + sep)) return null;
    const name = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1];
    return name?.replace('\\', '/') ?? nearestPackage(dirname(file));
  }

  #declarations(symbol) {
    return symbol.declarations.map((declaration) => {
      const isVariable = ts.isVariableDeclaration(declaration);
      const statement = withoutPrivate(isVariable ? declaration.parent.parent : declaration);
      this.#visit(declaration);
      const file = declaration.getSourceFile();
      return this.#printer.printNode(ts.EmitHint.Unspecified, statement, file);
    });
  }

  /** Notes whatever a declaration refers to. */
  #visit(node) {
    if (isPrivate(node)) return;
    if (ts.isIdentifier(node)) this.#note(node);
    ts.forEachChild(node, (child) => this.#visit(child));
  }

  #note(identifier) {
    const local = this.checker.getSymbolAtLocation(identifier);
    const symbol = local && resolved(this.checker, local);
    if (!symbol?.declarations?.some(isOfModule)) return;
    const origin = this.#originOf(symbol);
    if (origin === null) {
      if (!this.owners.has(symbol)) this.#internals.add(symbol);
    } else if (!COMMON_PACKAGES.includes(origin)) {
      const name = this.owners.get(symbol)?.name ?? symbol.name;
      const source = name === identifier.text ? name : `${name} as ${identifier.text}`;
      this.#elsewhere.add(`import { ${source} } from '${origin}';`);
    }
  }
}

/** The name of the package that a folder is in: one that is linked is elsewhere than in node_modules. */
function nearestPackage(folder) {
  const name = readJsonOrNull(join(folder, 'package.json'))?.name;
  return name ?? nearestPackage(dirname(folder));
}

/** Whether a declaration stands by itself in a module: no member, parameter or local of another. */
function isOfModule(declaration) {
  const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return ts.isSourceFile(statement.parent) && ts.isExternalModule(statement.parent);
}

/** A private constructor is part of the API: it says that there is no other. */
const isPrivate = (node) =>
  ts.isClassElement(node) &&
  !ts.isConstructorDeclaration(node) &&
  ((ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0 ||
    (node.name !== undefined && ts.isPrivateIdentifier(node.name)));

function withoutPrivate(node) {
  if (!ts.isClassDeclaration(node)) return node;
  const members = node.members.filter((member) => !isPrivate(member));
  const { modifiers, name, typeParameters, heritageClauses } = node;
  return ts.factory.updateClassDeclaration(
    node,
    modifiers,
    name,
    typeParameters,
    heritageClauses,
    members,
  );
}
