import {
  runtimeInfo,
  type RuntimeDescription,
  type RuntimeInfo,
} from '../../engine/runtime/runtime-info';
import { UsageError, type Command } from '../command';
import { describeMachine, type Machine } from '../machine';
import { byteSize, green, printable, red, section, yellow } from '../output';
import { findProblems, type Problem } from './problems';

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

function runtimeRows(runtime: RuntimeDescription): string[][] {
  const rows = runtime.loaded
    ? [
        ['version', runtime.version ?? 'unknown'],
        ['library', runtime.path ?? ''],
        ['found by', runtime.origin ?? ''],
        ['providers', runtime.providers.join(', ')],
        ['thread pools', runtime.threadPools ?? ''],
      ]
    : [['not found', '']];
  for (const { path, origin, error } of runtime.tried) {
    if (error !== undefined) rows.push(['tried', `${path} (${origin}): ${error}`]);
    else if (!runtime.loaded) rows.push(['tried', `${path} (${origin})`]);
  }
  return rows.filter(([label, value]) => value !== '' || label === 'not found');
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
    'which runtime libraries were found and tried, and each problem with its remedy. Both runtimes',
    'are loaded.',
    '',
    'Exit code: 1 if a problem is an error (no runtime can be loaded), 0 with warnings or without.',
    '',
    'Options:',
    '  --json      print JSON',
    '  -h, --help  print this',
  ].join('\n'),
  options: {},
  run(args) {
    const [unexpected] = args.positionals;
    if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
    const machine = describeMachine();
    let info: RuntimeInfo | undefined;
    let addonError: string | undefined;
    try {
      info = runtimeInfo({ load: true });
    } catch (error) {
      addonError = error instanceof Error ? error.message : String(error);
    }
    const problems = findProblems(machine, info, addonError);
    return Promise.resolve({
      json: { machine, ...(info ? { onlite: info } : { addonError }), problems },
      text: () =>
        [
          section('Machine', machineRows(machine)).trimStart(),
          info ? section('onlite', addonRows(info)) : '',
          info ? section('ONNX Runtime', runtimeRows(info.runtimes.onnxruntime)) : '',
          info ? section('TensorFlow Lite', runtimeRows(info.runtimes.tflite)) : '',
          problemText(problems),
        ].join(''),
      exitCode: problems.some(({ severity }) => severity === 'error') ? 1 : 0,
    });
  },
};
