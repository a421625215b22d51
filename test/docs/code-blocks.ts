/**
 * The code blocks of a Markdown document. HTML comments directly before a block, which readers do
 * not see, say how it is run:
 *
 * - `<!-- not run: REASON -->`: it is not.
 * - `<!-- setup CODE -->`: code that goes before it, for what the text takes as given.
 * - `<!-- continues -->`: it goes on where the block of its language before it ended.
 * - `<!-- file: NAME -->`: it is a file that other blocks of the document import.
 */
export interface CodeBlock {
  readonly language: string;
  readonly code: string;
  /** Of the fence in the document. */
  readonly line: number;
  readonly notRun: string | undefined;
  readonly setup: string;
  readonly continues: boolean;
  readonly file: string | undefined;
}

const fence = /^```(\S*)\n([^]*?)^```$/gm;
const comments = /((?:<!--(?:(?!-->)[^])*-->\s*)*)$/;
const comment = /<!--((?:(?!-->)[^])*)-->/g;

export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(fence)].map(({ index, 1: language = '', 2: code = '' }) => {
    const before = markdown.slice(0, index);
    const marks = [...(comments.exec(before)?.[1] ?? '').matchAll(comment)].map(([, text = '']) =>
      text.trim(),
    );
    const mark = (start: string): string | undefined =>
      marks.find((text) => text.startsWith(start))?.slice(start.length);
    return {
      language,
      code,
      line: before.split('\n').length,
      notRun: mark('not run:')?.trim(),
      setup: mark('setup') ?? '',
      continues: marks.includes('continues'),
      file: mark('file:')?.trim(),
    };
  });
}

/** Blocks that are run together. */
export interface Program {
  readonly language: string;
  code: string;
  readonly line: number;
}

/** The languages of what a program prints, and of nothing in particular. */
const texts: ReadonlySet<string> = new Set(['', 'text']);

/**
 * The programs of a document.
 *
 * @throws Error for a block of a language that cannot be run and is not marked so
 */
export function programs(blocks: readonly CodeBlock[], languages: ReadonlySet<string>): Program[] {
  const found: Program[] = [];
  const latest = new Map<string, Program>();
  for (const { language, code, setup, line, continues, notRun, file } of blocks) {
    if (texts.has(language) || notRun !== undefined || file !== undefined) continue;
    if (!languages.has(language)) {
      throw new Error(`line ${line}: ${language} cannot be run; mark it <!-- not run: REASON -->`);
    }
    const whole = `${setup}\n${code}`;
    const before = latest.get(language);
    if (!continues) {
      const program = { language, code: whole, line };
      latest.set(language, program);
      found.push(program);
    } else if (before !== undefined) before.code += whole;
    else throw new Error(`line ${line}: continues nothing`);
  }
  return found;
}
