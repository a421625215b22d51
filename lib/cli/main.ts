#!/usr/bin/env node

import { OnliteError } from '../errors';
import { packageVersion } from '../package';
import { parseCommandLine } from './arguments';
import { UsageError, type Command, type ParsedArguments } from './command';
import { bold, printable, toJson } from './output';

/** Loaded when asked for: `onlite info` must not pay for, or need, what `onlite run` needs. */
const COMMANDS: ReadonlyMap<string, { summary: string; load: () => Promise<Command> }> = new Map([
  [
    'info',
    {
      summary: 'describe a model file: inputs, outputs, operators, weights, metadata',
      load: async () => (await import('./info/index.js')).info,
    },
  ],
  [
    'run',
    {
      summary: 'run a model on .npy, .npz, .json, zero or random inputs',
      load: async () => (await import('./run/index.js')).run,
    },
  ],
  [
    'bench',
    {
      summary: 'measure latency and throughput, compare models and settings',
      load: async () => (await import('./bench/index.js')).bench,
    },
  ],
  [
    'compare',
    {
      summary: 'say how far models are apart, and which is better and faster',
      load: async () => (await import('./compare/index.js')).compare,
    },
  ],
  [
    'quantize',
    {
      summary: 'make a model smaller and quicker, and say whether to ship it',
      load: async () => (await import('./quantize/index.js')).quantize,
    },
  ],
  [
    'prune',
    {
      summary: 'remove channels of an ONNX model, or have its weights be zero or few',
      load: async () => (await import('./prune/index.js')).prune,
    },
  ],
  [
    'optimize',
    {
      summary: 'make an ONNX model simpler: fewer nodes, no more bytes, the same values',
      load: async () => (await import('./optimize/index.js')).optimize,
    },
  ],
  [
    'convert',
    {
      summary: 'make an ONNX or TensorFlow Lite model of one of another framework',
      load: async () => (await import('./convert/index.js')).convert,
    },
  ],
  [
    'profile',
    {
      summary: 'say what inputs and predictions are like where all is well, to find drift by',
      load: async () => (await import('./profile/index.js')).profile,
    },
  ],
  [
    'explain',
    {
      summary: 'say which features, or parts of an image, a prediction depends on',
      load: async () => (await import('./explain/index.js')).explain,
    },
  ],
  [
    'stability',
    {
      summary: 'say how much predictions change with repeated runs and slightly other inputs',
      load: async () => (await import('./stability/index.js')).stability,
    },
  ],
  [
    'report',
    {
      summary: 'make a page of how a model does from the logs that onlite/watch writes',
      load: async () => (await import('./log-report/index.js')).report,
    },
  ],
  [
    'encrypt',
    {
      summary: 'encrypt a model, which sessions read given its key',
      load: async () => (await import('./security/encrypt.js')).encrypt,
    },
  ],
  [
    'decrypt',
    {
      summary: 'write what is in an encrypted model as plain text',
      load: async () => (await import('./security/encrypt.js')).decrypt,
    },
  ],
  [
    'sign',
    {
      summary: 'sign models with a key, as OpenSSF model signing does',
      load: async () => (await import('./security/sign.js')).sign,
    },
  ],
  [
    'verify',
    {
      summary: 'check that a model is what a trusted key has signed',
      load: async () => (await import('./security/sign.js')).verify,
    },
  ],
  [
    'doctor',
    {
      summary: 'check this machine and the runtimes, with a remedy for each problem',
      load: async () => (await import('./doctor/index.js')).doctor,
    },
  ],
  [
    'adopt',
    {
      summary: 'have packages that depend on onnxruntime-node run on onlite',
      load: async () => (await import('./adopt/index.js')).adoptCommand,
    },
  ],
  [
    'install',
    {
      summary: 'fetch an execution provider, such as CUDA, for this user',
      load: async () => (await import('./install/index.js')).installCommand,
    },
  ],
]);

/** What another package does, and describes. */
const FORWARDED: ReadonlyMap<string, { summary: string; before: readonly string[] }> = new Map([
  ['serve', { summary: 'serve models over HTTP (onlite-server of @onlite/server)', before: [] }],
  [
    'models',
    {
      summary: 'show and change which versions a server serves (onlite-server models)',
      before: ['models'],
    },
  ],
]);

function overview(): string {
  const summaries = [...COMMANDS, ...FORWARDED];
  const width = Math.max(...summaries.map(([name]) => name.length));
  const lines = summaries.map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Usage: onlite COMMAND [options]',
    '',
    'Commands:',
    ...lines,
    '',
    "'onlite COMMAND --help' describes a command; every command has --json.",
    "'onlite --version' prints the version.",
    '',
    'Exit code: 0 done, 1 failed, 2 wrong command line, 3 a limit is not held.',
  ].join('\n');
}

const usageLine = (command: Command): string => `Usage: onlite ${command.name} ${command.usage}`;

/** What an error is called in the output; errors of the system keep their own code. */
function describeError(error: unknown): { code: string; message: string } {
  if (error instanceof UsageError) return { code: 'ERR_USAGE', message: error.message };
  if (error instanceof Error) {
    const { code } = error as NodeJS.ErrnoException;
    return { code: typeof code === 'string' ? code : 'ERR_INTERNAL', message: error.message };
  }
  return { code: 'ERR_INTERNAL', message: String(error) };
}

function causes(error: unknown): string[] {
  const messages: string[] = [];
  let cause = error instanceof OnliteError ? error.cause : undefined;
  // A chain that refers to itself must end.
  for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
    // A message may quote its cause.
    const isSaid = [(error as Error).message, ...messages].some((said) =>
      said.includes((cause as Error).message),
    );
    if (!isSaid) messages.push(cause.message);
    cause = cause.cause;
  }
  return messages;
}

/** Messages may have several lines; whatever else controls a terminal is shown, not sent. */
const lines = (text: string): string => text.split('\n').map(printable).join('\n');

function report(error: unknown, json: boolean, command: Command | undefined): number {
  const described = describeError(error);
  if (json) process.stdout.write(`${toJson({ error: described })}\n`);
  const isUsage = error instanceof UsageError;
  const output = [`onlite: ${isUsage ? '' : `${described.code}: `}${lines(described.message)}`];
  if (isUsage) output.push(command ? usageLine(command) : overview());
  else for (const cause of causes(error)) output.push(`  cause: ${lines(cause)}`);
  if (process.env['ONLITE_DEBUG'] && error instanceof Error) output.push(error.stack ?? '');
  process.stderr.write(`${output.join('\n')}\n`);
  return isUsage ? 2 : 1;
}

const isAddress = (text: string): boolean => text.startsWith('models:/');

/**
 * With the files of models that are named by their address in an MLflow registry, for all commands alike.
 *
 * @throws UsageError for one that would be written: those files are what the registry has
 */
async function fromRegistry(
  { reads = Infinity }: Command,
  parsed: ParsedArguments,
): Promise<ParsedArguments> {
  const written = parsed.positionals.slice(reads).find(isAddress);
  if (written !== undefined) {
    throw new UsageError(`expected a file that can be written, got '${printable(written)}'`);
  }
  if (!parsed.positionals.some(isAddress)) return parsed;
  const { resolveModel } = await import('../watch/index.js');
  const positionals: string[] = [];
  for (const text of parsed.positionals) {
    if (!isAddress(text)) {
      positionals.push(text);
      continue;
    }
    const { name, version, path } = await resolveModel(text);
    process.stderr.write(`${printable(`${text}: version ${version} of ${name}, ${path}`)}\n`);
    positionals.push(path);
  }
  return { ...parsed, positionals };
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  // Before parsing: a wrong command line must be reported as JSON too.
  const json = argv.includes('--json');
  let command: Command | undefined;
  try {
    if (name === '--version' || name === '-V') {
      process.stdout.write(
        json ? `${toJson({ version: packageVersion })}\n` : `${packageVersion}\n`,
      );
      return 0;
    }
    if (name === '--help' || name === '-h' || name === 'help') {
      process.stdout.write(`${overview()}\n`);
      return 0;
    }
    if (name === undefined) throw new UsageError('a command is missing');
    const forwarded = FORWARDED.get(name);
    if (forwarded !== undefined) {
      const { serve } = await import('./serve/index.js');
      serve([...forwarded.before, ...args]);
      return 0;
    }
    const entry = COMMANDS.get(name);
    if (!entry) throw new UsageError(`unknown command '${name}'`);
    command = await entry.load();
    const parsed = parseCommandLine(command, args);
    if (parsed.values['help'] === true) {
      process.stdout.write(`${bold(usageLine(command))}\n\n${command.help}\n`);
      return 0;
    }
    const result = await command.run(await fromRegistry(command, parsed));
    process.stdout.write(json ? `${toJson(result.json)}\n` : `${result.text().trimEnd()}\n`);
    return result.exitCode ?? 0;
  } catch (error) {
    return report(error, json, command);
  }
}

// A reader that went away (`onlite info m | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
