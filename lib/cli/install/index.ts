import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import {
  installedProvider,
  manifestFile,
  providersFolder,
  type InstalledProvider,
} from '../../engine/runtime/installed-providers';
import { OnliteError } from '../../errors';
import { UsageError, type Command, type CommandResult } from '../command';
import { byteSize, printable, table } from '../output';
import {
  makeFolder,
  refused,
  removeFolder,
  removeLeftovers,
  replaceFolder,
  workPrefix,
} from '../../convert/environment/folders';
import { distributions, type Distribution } from './packages';
import { missingPip, unpackPackages } from './pip';
import { missingFor, type Missing } from './requirements';

const platform = `${process.platform}-${process.arch}`;

interface Plan {
  readonly name: string;
  readonly distribution: Distribution;
  readonly folder: string;
  readonly bytes: number;
  readonly missing: readonly Missing[];
}

function planFor(name: string): Plan {
  const platforms = Object.hasOwn(distributions, name) ? distributions[name] : undefined;
  if (platforms === undefined) {
    const known = Object.keys(distributions).join(', ');
    throw new UsageError(`unknown provider '${name}'; there are ${known}`);
  }
  const distribution = Object.hasOwn(platforms, platform) ? platforms[platform] : undefined;
  if (distribution === undefined) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `there are no packages of '${name}' for ${platform}, only for ${Object.keys(platforms).join(', ')}`,
    );
  }
  const bytes = distribution.packages.reduce((sum, { bytes: more }) => sum + more, 0);
  const folder = join(providersFolder(), name);
  return { name, distribution, folder, bytes, missing: missingFor(name) };
}

/** Unpacks beside the place and moves there: what is there is whole. */
async function install({ name, distribution, folder }: Plan): Promise<void> {
  const { packages, ...manifest } = distribution;
  let work: string | undefined;
  try {
    makeFolder(dirname(folder));
    work = mkdtempSync(workPrefix(folder));
    const files = await unpackPackages(packages, platform, work);
    for (const file of [manifest.library, ...manifest.dependencies]) {
      if (existsSync(join(files, file))) continue;
      throw new OnliteError(
        'ERR_PROVIDER_UNAVAILABLE',
        `the packages of '${name}' have no ${file}`,
      );
    }
    const written: InstalledProvider = { name, ...manifest };
    writeFileSync(join(files, manifestFile), `${JSON.stringify(written, null, 2)}\n`);
    replaceFolder(files, folder);
  } catch (error) {
    throw refused(`install '${name}' in ${folder}`, error);
  } finally {
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  }
}

function json(plan: Plan, done: object): object {
  const { distribution, missing, ...rest } = plan;
  const { kind, version, packages } = distribution;
  return { ...rest, kind, version, packages, missing, ...done };
}

function missingText(missing: readonly Missing[]): string[] {
  return missing.map(({ problem, remedy }) => `missing: ${problem}\n  remedy: ${remedy}`);
}

const useIt = (name: string): string => `Use it: await useProvider('${name}')`;

function planned(plan: Plan, force: boolean): CommandResult {
  const { name, distribution, folder, bytes } = plan;
  const isThere = !force && isInstalled(plan);
  const missing = isThere ? plan.missing : [...plan.missing, ...missingPip()];
  const rows = distribution.packages.map(({ name, version, bytes: size }) => [
    name,
    version,
    byteSize(size),
  ]);
  return {
    json: json({ ...plan, missing }, { installed: false, wasThere: isThere }),
    text: () =>
      [
        table(rows),
        isThere
          ? `${name} ${distribution.version} is already in ${printable(folder)}; nothing would be fetched.`
          : `${byteSize(bytes)} would be fetched and unpacked in ${printable(folder)}.`,
        ...missingText(missing),
      ].join('\n'),
    exitCode: missing.length === 0 ? 0 : 1,
  };
}

function refuse(plan: Plan): never {
  throw new OnliteError(
    'ERR_PROVIDER_UNAVAILABLE',
    [
      `'${plan.name}' would not work here; --force installs it all the same.`,
      ...missingText(plan.missing),
    ].join('\n'),
  );
}

function isInstalled({ name, distribution }: Plan): boolean {
  return installedProvider(name)?.version === distribution.version;
}

async function installed(plan: Plan, force: boolean): Promise<CommandResult> {
  const { name, distribution, folder } = plan;
  const isThere = !force && isInstalled(plan);
  if (!isThere) {
    if (plan.missing.length > 0 && !force) refuse(plan);
    await install(plan);
  }
  return {
    json: json(plan, { installed: true, wasThere: isThere }),
    text: () =>
      [
        `${name} ${distribution.version} is ${isThere ? 'already ' : ''}in ${printable(folder)}.`,
        ...missingText(plan.missing),
        useIt(name),
      ].join('\n'),
  };
}

function removed({ name, folder }: Plan): CommandResult {
  let wasThere: boolean;
  try {
    wasThere = removeFolder(folder);
    removeLeftovers(folder);
  } catch (error) {
    throw refused(`remove ${folder}`, error);
  }
  return {
    json: { name, folder, removed: wasThere },
    text: () => `${name} ${wasThere ? 'is removed from' : 'was not in'} ${printable(folder)}.`,
  };
}

export const installCommand: Command = {
  name: 'install',
  summary: 'fetch an execution provider, such as CUDA, for this user',
  usage: 'PROVIDER [--dry-run | --remove] [--force] [--json]',
  help: [
    "Fetches pinned packages of an execution provider into the user's data folder (ONLITE_DATA_PATH",
    'names another one), after a look at whether the machine has what it needs. A program uses it with',
    "`await useProvider('PROVIDER')`. Providers:",
    '',
    '  webgpu    GPUs by Vulkan, Metal or Direct3D 12: a plugin for ONNX Runtime',
    '  openvino  processors, GPUs and NPUs of Intel: a plugin for ONNX Runtime',
    "  cuda      NVIDIA's GPUs: an ONNX Runtime of its own, CUDA 13 and cuDNN (1.6 GB)",
    '',
    "The packages are the vendors', of the Python Package Index; Python's pip fetches them and checks",
    'their SHA-256.',
    '',
    'Options:',
    '  --dry-run   print what would be fetched and what the machine lacks; exit code 1 if something is',
    '  --remove    delete it, and what an installation that was killed has left',
    '  --force     install although something is missing, or anew',
    '  --json      print JSON',
    '  -h, --help  print this',
  ].join('\n'),
  options: {
    'dry-run': { type: 'boolean' },
    remove: { type: 'boolean' },
    force: { type: 'boolean' },
  },
  run: async ({ positionals, values }) => {
    const [name, unexpected] = positionals;
    if (name === undefined) throw new UsageError('a provider is missing');
    if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
    if (values['dry-run'] === true && values['remove'] === true) {
      throw new UsageError('--dry-run and --remove exclude each other');
    }
    const force = values['force'] === true;
    const plan = planFor(name);
    if (values['remove'] === true) return removed(plan);
    if (values['dry-run'] === true) return planned(plan, force);
    return installed(plan, force);
  },
};
