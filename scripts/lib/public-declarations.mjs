import { join, posix, relative, resolve, sep } from 'node:path';

import ts from 'typescript';

/**
 * Of the declarations of a built package, those that a program can get at: all that the entry points
 * export, and what that refers to.
 *
 * @param {string} dist the folder of the declarations
 * @param {string[]} entries paths of the entry points' in it
 * @returns {Map<string, string>} the files' texts by their paths in `dist`
 */
export function publicDeclarations(dist, entries) {
  const files = entries.map((entry) => join(dist, entry));
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.Node20,
    // What is not the package's own need not be known.
    noLib: true,
    types: [],
  });
  const reached = new Reached(program.getTypeChecker(), resolve(dist));
  for (const file of files) program.getSourceFile(file).statements.forEach(reached.add);
  const kept = program.getSourceFiles().filter((file) => reached.has(file));
  const pathOf = ({ fileName }) => relative(dist, fileName).split(sep).join(posix.sep);
  return new Map(kept.map((file) => [pathOf(file), reached.textOf(file)]));
}

/** The names of an import or export of some, not of all. */
const namesOf = (statement) => {
  const clause = ts.isImportDeclaration(statement)
    ? statement.importClause?.namedBindings
    : statement.exportClause;
  return clause && (ts.isNamedImports(clause) || ts.isNamedExports(clause)) ? clause : undefined;
};

const isOfNames = (statement) =>
  (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) &&
  namesOf(statement) !== undefined;

class Reached {
  #checker;
  #dist;
  /** Statements, and the names of those that import or export. */
  #nodes = new Set();

  constructor(checker, dist) {
    this.#checker = checker;
    // TypeScript's paths have slashes on Windows, too.
    this.#dist = `${dist.split(sep).join(posix.sep)}/`;
  }

  has = (file) => file.statements.some((statement) => this.#nodes.has(statement));

  /** A statement, or a name of one, and all that it refers to. */
  add = (node) => {
    if (this.#nodes.has(node)) return;
    this.#nodes.add(node);
    if (ts.isSourceFile(node.parent) && isOfNames(node)) {
      if (ts.isExportDeclaration(node)) namesOf(node).elements.forEach(this.add);
    } else {
      this.#follow(node);
    }
  };

  #follow = (node) => {
    if (ts.isIdentifier(node)) this.#addSymbol(this.#checker.getSymbolAtLocation(node));
    if (ts.isExportSpecifier(node)) {
      this.#addSymbol(this.#checker.getExportSpecifierLocalTargetSymbol(node));
    }
    ts.forEachChild(node, this.#follow);
  };

  #addSymbol(symbol) {
    for (const declaration of symbol?.declarations ?? []) this.#addDeclaration(declaration);
    if (symbol === undefined || (symbol.flags & ts.SymbolFlags.Alias) === 0) return;
    const next = this.#checker.getImmediateAliasedSymbol(symbol);
    if (next !== symbol) this.#addSymbol(next);
  }

  #addDeclaration(declaration) {
    if (!declaration.getSourceFile().fileName.startsWith(this.#dist)) return;
    const isName = ts.isImportSpecifier(declaration) || ts.isExportSpecifier(declaration);
    let statement = declaration;
    while (!ts.isSourceFile(statement.parent ?? statement)) statement = statement.parent;
    if (ts.isSourceFile(statement)) return;
    if (isName) {
      this.#nodes.add(statement);
      this.add(declaration);
    } else {
      this.add(statement);
    }
  }

  /** A file's text without what is not reached. */
  textOf(file) {
    const statements = file.statements.filter((statement) => this.#nodes.has(statement));
    const texts = statements.map((statement) => this.#textOf(statement));
    // Without an import or export a file would be a script, whose names are everybody's.
    if (!statements.some((statement) => isModulePart(statement))) texts.push('\nexport {};');
    return `${texts.join('').trimStart()}\n`;
  }

  #textOf(statement) {
    const text = statement.getFullText();
    if (!isOfNames(statement)) return text;
    const clause = namesOf(statement);
    const names = clause.elements.filter((name) => this.#nodes.has(name));
    const start = clause.getStart() - statement.getFullStart();
    const end = clause.getEnd() - statement.getFullStart();
    const kept = names.map((name) => name.getText()).join(', ');
    return `${text.slice(0, start)}{ ${kept} }${text.slice(end)}`;
  }
}

const isModulePart = (statement) =>
  ts.isImportDeclaration(statement) ||
  ts.isExportDeclaration(statement) ||
  (ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword));
