import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

export interface Stage {
  readonly image: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, with values for its ARGs where others than its own are given. */
export function stagesOf(file: string, args: Readonly<Record<string, string>>): Stage[] {
  const lines = readFileSync(file, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ');
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = [];
  const values = new Map<string, string>();
  for (const line of lines.split('\n')) {
    const [, name, text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const rest = text.replace(/\$\{(\w+)\}/g, (whole, key: string) => values.get(key) ?? whole);
    if (name === 'FROM') {
      const [image = '', , stage] = rest.split(/\s+/);
      stages.push({ image, name: stage, instructions: [] });
    } else if (name === 'ARG') {
      const [key = '', value = ''] = rest.split('=');
      values.set(key, args[key] ?? value);
    } else stages.at(-1)?.instructions.push({ name, rest });
  }
  return stages;
}

/** The last of an instruction's values in a stage; JSON as it is. */
export function valueOf({ instructions }: Stage, name: string): string | undefined {
  return instructions.filter((each) => each.name === name).at(-1)?.rest;
}

/** The words of an instruction in its exec form, which needs no shell. */
export const words = (text = '[]'): string[] => JSON.parse(text) as string[];

const globOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[.+^$(){}|]/g, '\\$&').replaceAll('*', '[^/]*')}$`);

/** Files of the context that a source of COPY names. */
export function matches(context: string, pattern: string): string[] {
  const folder = pattern.slice(0, pattern.lastIndexOf('/') + 1);
  const name = globOf(basename(pattern));
  return readdirSync(join(context, folder))
    .filter((each) => name.test(each))
    .map((each) => `${folder}${each}`);
}

/** Whether a .dockerignore keeps a file out of the context: the last pattern that matches it decides. */
export function isIgnored(ignoreFile: string, path: string): boolean {
  const parts = path.split('/');
  const parents = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  let ignored = false;
  for (const line of readFileSync(ignoreFile, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const isException = line.startsWith('!');
    const pattern = globOf(isException ? line.slice(1) : line);
    if (parents.some((each) => pattern.test(each))) ignored = !isException;
  }
  return ignored;
}

/** Copies and runs what a stage does, below a folder that stands for its root. */
export async function build(
  { instructions }: Stage,
  own: string,
  context: { folder: string; stages: Readonly<Record<string, string>>; env: NodeJS.ProcessEnv },
): Promise<void> {
  let work = '/';
  const inside = (path: string) => join(own, isAbsolute(path) ? path : join(work, path));
  for (const { name, rest } of instructions) {
    if (name === 'WORKDIR') {
      work = rest;
      mkdirSync(inside('.'), { recursive: true });
    } else if (name === 'COPY') {
      const all = rest.split(/\s+/);
      const from = all[0]?.startsWith('--from=') === true ? all.shift()?.slice(7) : undefined;
      const target = inside(all.pop()!);
      for (const source of all) {
        if (from !== undefined) {
          const root = context.stages[from]!;
          cpSync(join(root, source), target, { recursive: true, verbatimSymlinks: true });
          continue;
        }
        const found = matches(context.folder, source);
        if (found.length === 0) throw new Error(`COPY ${source}: there is no such file`);
        for (const path of found) cpSync(join(context.folder, path), join(target, basename(path)));
      }
    } else if (name === 'RUN') {
      await execute('sh', ['-euc', rest], { cwd: inside('.'), env: context.env });
    }
  }
}
