import {
  environmentState,
  pythonFor,
  type Environment,
} from '../../convert/environment/environment';
import { environmentNames } from '../../convert/environment/lock';
import type { Int8Support } from '../../cpu';
import type { ProviderDevice } from '../../engine/runtime/provider-devices';
import type { RuntimeInfo } from '../../engine/runtime/runtime-info';
import { UsageError, type Command } from '../command';
import { describeMachine, type Machine } from '../machine';
import { byteSize, green, printable, red, section, yellow } from '../output';
import { examine, type InstalledState, type RuntimeState } from './examine';
import { findProblems, type Problem } from './problems';

function int8Text({ kind, saturates, reason }: Int8Support): string {
  if (reason !== undefined) return `${kind}: ${reason}`;
  return saturates ? `${kind}: without VNNI sums of products may saturate (docs/int8.md)` : kind;
}

function machineRows(machine: Machine): string[][] {
  const { cpu, cgroup } = machine;
  const features = Object.entries(cpu.features).map(
    ([name, has]) => `${name}: ${has === undefined ? 'unknown' : has ? 'yes' : 'no'}`,
  );
  const limits = [
    cgroup?.cpus === undefined ? 'no CPU quota' : `${cgroup.cpus.toFixed(2)} CPUs`,
    cgroup?.memoryBytes === undefined ? 'no memory limit' : byteSize(cgroup.memoryBytes),
  ];
  const rows = [
    ['Node', machine.node],
    ['platform', `${machine.platform} ${machine.arch}`],
    ['libc', [machine.libc.name, machine.libc.version].filter(Boolean).join(' ')],
    ['CPU', cpu.model],
    ['features', features.join(', ') || 'unknown'],
    ['int8', int8Text(cpu.int8)],
    ['cores', `${cpu.cores}, ${cpu.availableParallelism} available`],
    ['memory', byteSize(machine.memoryBytes)],
  ];
  if (cgroup) rows.push([`cgroup v${cgroup.version}`, limits.join(', ')]);
  if (machine.nvidiaDriver) rows.push(['NVIDIA', 'driver loaded']);
  return rows;
}

function addonRows(info: RuntimeInfo): string[][] {
  return [
    ['version', info.onlite],
    ['addon', info.addon ?? 'not loaded'],
    ['Node-API', info.napi ?? 'unknown'],
    ['executor threads', String(info.executorThreads)],
  ];
}

const deviceText = ({ provider, type, vendor }: ProviderDevice): string =>
  `${provider} (${[type, vendor].filter(Boolean).join(', ')})`;

function runtimeRows(runtime: RuntimeState): string[][] {
  const rows = runtime.loaded
    ? [
        ['version', runtime.version ?? 'unknown'],
        ['library', runtime.path ?? ''],
        ['found by', runtime.origin ?? ''],
        ['providers', runtime.providers.join(', ')],
        ['devices', runtime.devices.map(deviceText).join(', ')],
        ['thread pools', runtime.threadPools ?? ''],
      ]
    : [['not found', '']];
  for (const { path, origin, failure } of runtime.tried) {
    if (failure !== undefined) rows.push(['tried', `${path} (${origin}): ${failure.message}`]);
    else if (path !== runtime.path) rows.push(['also found', `${path} (${origin})`]);
  }
  for (const { name, failure } of runtime.ownLibraries) {
    rows.push([name, failure === undefined ? 'can be used' : failure.message]);
  }
  return rows.filter(([label, value]) => value !== '' || label === 'not found');
}

const installedRow = ({ name, version, devices, failure }: InstalledState): string[] => [
  [name, version].filter(Boolean).join(' '),
  failure?.message ?? (devices.map(deviceText).join(', ') || 'can be used; lists no device'),
];

/** A converter's environment: what is there, or what it takes to have it. */
interface ConverterState extends Environment {
  /** Of the Python that it would be made with. */
  readonly pythonVersion?: string;
  /** Why it cannot be made. */
  readonly failure?: string;
}

function converterStates(): ConverterState[] {
  return environmentNames.flatMap((name): ConverterState[] => {
    let state: Environment;
    try {
      state = environmentState(name);
    } catch {
      // A bundle has no converters, and a user without a home no place for them.
      return [];
    }
    if (state.python !== undefined) return [state];
    const python = pythonFor(name);
    if (python instanceof Error) return [{ ...state, failure: python.message }];
    return [{ ...state, pythonVersion: python.version }];
  });
}

function converterRow(state: ConverterState): string[] {
  const { name, folder, python, bytes, downloadBytes, pythonVersion, failure } = state;
  if (python !== undefined) {
    const size = bytes === undefined ? '' : `, ${byteSize(bytes)}`;
    return [name, `in ${folder}${size}`];
  }
  if (downloadBytes === undefined) return [name, 'no packages for this platform'];
  const download = `onlite convert would download ${byteSize(downloadBytes)}`;
  return [name, failure ?? `${download}, for Python ${pythonVersion ?? ''}`];
}

function problemText(problems: readonly Problem[]): string {
  if (problems.length === 0) return `\n${green('No problems found.')}\n`;
  const lines = problems.map(({ severity, problem, remedy }) => {
    const label = severity === 'error' ? red('error') : yellow('warning');
    return `${label}: ${printable(problem)}\n  remedy: ${printable(remedy)}`;
  });
  return `\n${lines.join('\n')}\n`;
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'check this machine and the runtimes',
  usage: '[--json]',
  help: [
    'Prints what onlite runs on (Node, platform, C library, processor features, container limits),',
    'which runtime libraries were found and tried, and each problem with its remedy. Each library',
    'that is found is loaded, in a process of its own, and so are the addon and the providers that',
    '`onlite install` has brought. Of the converters of `onlite convert` it tells which environment is',
    'there, and what each other one would download.',
    '',
    'Exit code: 1 if a problem is an error (no runtime can be loaded), 0 with warnings or without.',
    '',
    'Options:',
    '  --json      print JSON',
    '  -h, --help  print this',
  ].join('\n'),
  options: {},
  async run(args) {
    const [unexpected] = args.positionals;
    if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
    const machine = describeMachine();
    const examination = await examine();
    const { addon, runtimes, installedProviders = [] } = examination;
    const problems = findProblems(machine, examination);
    const converters = converterStates();
    return {
      json: {
        machine,
        ...('cause' in addon
          ? { addonError: addon }
          : { onlite: { ...addon, runtimes, installedProviders } }),
        converters,
        problems,
      },
      text: () =>
        [
          section('Machine', machineRows(machine)).trimStart(),
          'cause' in addon ? '' : section('onlite', addonRows(addon)),
          runtimes ? section('ONNX Runtime', runtimeRows(runtimes.onnxruntime)) : '',
          runtimes ? section('TensorFlow Lite', runtimeRows(runtimes.tflite)) : '',
          installedProviders.length > 0
            ? section('Installed providers', installedProviders.map(installedRow))
            : '',
          section('Converters', converters.map(converterRow)),
          problemText(problems),
        ].join(''),
      exitCode: problems.some(({ severity }) => severity === 'error') ? 1 : 0,
    };
  },
};
