import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { OnliteError } from '../../errors';
import { unreadable } from '../../files';
import { packageVersion } from '../../package';
import { text } from '../arguments';
import { UsageError, type Command } from '../command';
import { adopted, overridePath, replaced, restored, type Manifest } from './manifest';
import { findInstaller, packageManagers, type Installer } from './package-manager';
import { withYamlOverride, withoutYamlOverride } from './workspace-yaml';

const workspaceFile = 'pnpm-workspace.yaml';

/** From this version on pnpm reads overrides from pnpm-workspace.yaml, even in a single package. */
const firstPnpmWithYaml = 10;

/** A file with its new text; without one it is removed. */
interface Edit {
  readonly file: string;
  readonly text: string | undefined;
}

function readManifest(folder: string): { manifest: Manifest; source: string } {
  const file = join(folder, 'package.json');
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (cause) {
    throw unreadable(`cannot read ${file}`, cause);
  }
  try {
    return { manifest: JSON.parse(source) as Manifest, source };
  } catch (cause) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${file} is no JSON`, { cause });
  }
}

/** The manifest in the style that the file has. */
function print(manifest: Manifest, source: string): string {
  const indent = /^[{[]\r?\n([ \t]+)/.exec(source)?.[1] ?? 2;
  return JSON.stringify(manifest, null, indent) + (source.endsWith('\n') ? '\n' : '');
}

/** Whether the override belongs into pnpm-workspace.yaml; pnpm 11 and later read no other place. */
function readsYaml({ manager, major = firstPnpmWithYaml }: Installer): boolean {
  return manager === 'pnpm' && major >= firstPnpmWithYaml;
}

function adopt(folder: string, installer: Installer, spec: string): Edit[] {
  const { manifest, source } = readManifest(folder);
  const yaml = join(folder, workspaceFile);
  const inYaml = readsYaml(installer);
  const path = inYaml ? undefined : overridePath(installer);
  const edits: Edit[] = [
    { file: join(folder, 'package.json'), text: print(adopted(manifest, path, spec), source) },
  ];
  if (inYaml) {
    const before = existsSync(yaml) ? readFileSync(yaml, 'utf8') : '';
    edits.push({ file: yaml, text: withYamlOverride(before, replaced, spec) });
  }
  return edits;
}

function undo(folder: string): Edit[] {
  const { manifest, source } = readManifest(folder);
  const edits: Edit[] = [
    { file: join(folder, 'package.json'), text: print(restored(manifest), source) },
  ];
  const yaml = join(folder, workspaceFile);
  if (existsSync(yaml)) {
    const rest = withoutYamlOverride(readFileSync(yaml, 'utf8'), replaced);
    edits.push({ file: yaml, text: rest.trim() === '' ? undefined : rest });
  }
  return edits;
}

/** @returns the files that are not as they were */
function write(edits: readonly Edit[]): string[] {
  const changed: string[] = [];
  for (const { file, text: content } of edits) {
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    if (content === undefined) rmSync(file);
    else writeFileSync(file, content);
    changed.push(file);
  }
  return changed;
}

export const adoptCommand: Command = {
  name: 'adopt',
  summary: 'have packages that depend on onnxruntime-node run on onlite',
  usage: '[FOLDER] [options]',
  help: [
    'Writes an override into the package.json of FOLDER (by default the working directory), or for',
    'pnpm into pnpm-workspace.yaml, by which onnxruntime-node is onlite wherever a package depends on',
    'it. In a workspace FOLDER is its root. The next install does it.',
    '',
    'Options:',
    `  --manager NAME  ${packageManagers.join(', ')}; by default by packageManager or the lock file`,
    '  --spec SPEC     where the package that takes its place comes from; by default',
    '                  npm:@onlite/onnxruntime-node in the version of this onlite',
    '  --undo          take the override back',
    '  --json          print JSON',
    '  -h, --help      print this',
  ].join('\n'),
  options: {
    manager: { type: 'string' },
    spec: { type: 'string' },
    undo: { type: 'boolean' },
  },
  run(args) {
    const [folder = '.', unexpected] = args.positionals;
    if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
    const root = resolve(folder);
    const installer = findInstaller(root, readManifest(root).manifest, text(args, 'manager'));
    const spec = text(args, 'spec') ?? `npm:@onlite/onnxruntime-node@${packageVersion}`;
    const isUndo = args.values['undo'] === true;
    const changed = write(isUndo ? undo(root) : adopt(root, installer, spec));
    const { manager } = installer;
    const install = `${manager} install`;
    const what = isUndo
      ? `${replaced} is itself again`
      : `${replaced} is onlite (${spec}) for every package that depends on it`;
    return Promise.resolve({
      json: {
        manager,
        changed,
        ...(isUndo ? {} : { spec }),
        next: changed.length > 0 ? install : null,
      },
      text: () =>
        changed.length === 0
          ? 'Nothing to do: the files say so already.'
          : [
              ...changed.map((file) => `wrote ${file}`),
              `Now run: ${install}`,
              `Then ${what}.`,
            ].join('\n'),
    });
  },
};
