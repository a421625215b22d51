// Runs the code blocks of README.md and docs/.
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from '../integration/support';
import { codeBlocks, programs, type Program } from './code-blocks';

const execute = promisify(execFile);
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** The command that runs a program of a language in a file. */
const commands: Record<string, (file: string) => [command: string, ...args: string[]]> = {
  js: (file) => [process.execPath, file],
  cjs: (file) => [process.execPath, file],
  sh: (file) => ['bash', '-euo', 'pipefail', file],
};
const extensions: Record<string, string> = { js: 'mjs' };

describe.each(documents)('%s', (document) => {
  const blocks = codeBlocks(readFileSync(join(root, document), 'utf8'));
  const found = programs(blocks, new Set(Object.keys(commands)));
  let folder = '';

  beforeAll(() => {
    // Within the package, so that programs import it by its name.
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build', 'docs-'));
    symlinkSync(join(root, 'models'), join(folder, 'models'), 'junction');
    symlinkSync(join(root, 'test/fixtures/digits'), join(folder, 'digits'), 'junction');
    const bin = join(folder, 'node_modules', '.bin');
    mkdirSync(bin, { recursive: true });
    const commands = { onlite: 'dist/cli/main.js', 'onlite-server': 'server/dist/cli/main.js' };
    for (const [name, script] of Object.entries(commands)) {
      const text = `#!/bin/sh\nexec "${process.execPath}" "${join(root, script)}" "$@"\n`;
      writeFileSync(join(bin, name), text, { mode: 0o755 });
    }
    for (const { file, code } of blocks) {
      if (file === undefined) continue;
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), code);
    }
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function run({ language, code, line }: Program): Promise<void> {
    const file = join(folder, `line-${line}.${extensions[language] ?? language}`);
    writeFileSync(file, code);
    const [command, ...args] = commands[language]!(file);
    const path = [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
    const options = { cwd: folder, timeout: 120_000, env: { ...process.env, PATH: path } };
    await execute(command, args, options);
  }

  it('has a reason for each block that is not run', () => {
    for (const { notRun, line } of blocks) expect(notRun, `line ${line}`).not.toBe('');
  });

  it.each(found)('line $line, $language', run);
});

describe('a document', () => {
  const languages = new Set(['js']);
  const fenced = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\`\n`;

  it('gives its blocks with what is said before them', () => {
    const markdown = [
      'Text\n',
      fenced('js', 'first();'),
      '<!-- setup\nconst a = 1;\n-->\n\n<!-- continues -->\n\n',
      fenced('js', 'second(a);'),
      '<!-- not run: it is Python -->\n',
      fenced('python', 'third()'),
      fenced('text', 'printed'),
      '<!-- file: a.mjs -->\n',
      fenced('js', 'export {};'),
    ].join('');
    const blocks = codeBlocks(markdown);
    expect(blocks.map(({ notRun }) => notRun)).toEqual([
      undefined,
      undefined,
      'it is Python',
      undefined,
      undefined,
    ]);
    expect(blocks[4]).toMatchObject({ file: 'a.mjs', code: 'export {};\n' });
    expect(programs(blocks, languages)).toEqual([
      { language: 'js', line: 2, code: '\nfirst();\n\nconst a = 1;\nsecond(a);\n' },
    ]);
  });

  it('may not leave out a language without saying so', () => {
    const blocks = codeBlocks(fenced('python', 'print()'));
    expect(() => programs(blocks, languages)).toThrow(/line 1: python cannot be run/);
    const continued = codeBlocks(`<!-- continues -->\n${fenced('js', '1;')}`);
    expect(() => programs(continued, languages)).toThrow(/line 2: continues nothing/);
  });
});
