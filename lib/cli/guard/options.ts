import type { GuardLimits } from '../../optimize/guard/guard';
import { decimal, given, share, text, wholeNumber } from '../arguments';
import { speedProtocol } from '../bench/protocol-options';
import type { Protocol } from '../bench/schedule';
import { UsageError, type ParsedArguments } from '../command';

/** How a command that changes a model measures and judges what it made, and what it writes of that. */
export interface GuardSettings {
  readonly limits: GuardLimits;
  /** Whether what does not hold a limit is written too. */
  readonly force: boolean;
  /** Threads inside one run. */
  readonly threads: number;
  /** How latency and memory are measured in processes of their own; undefined if they are not. */
  readonly speed?: Protocol;
  readonly save?: string;
  readonly report?: string;
}

/** Options of commands that change a model. */
export const guardOptions = {
  'min-sqnr': { type: 'string' },
  'max-accuracy-loss': { type: 'string' },
  'min-speedup': { type: 'string' },
  force: { type: 'boolean' },
  threads: { type: 'string' },
  duration: { type: 'string' },
  processes: { type: 'string' },
  'no-speed': { type: 'boolean' },
  save: { type: 'string' },
  report: { type: 'string' },
} as const;

/** Those that name files which the command writes beside the model. */
export const guardOutputs = ['save', 'report'] as const;

/**
 * Their lines in a command's help.
 *
 * @param speedup - the default of `--min-speedup`, in words
 * @param noSpeed - what `--no-speed` leaves out
 */
export const guardHelp = (speedup: string, noSpeed: string): readonly string[] => [
  'What must hold:',
  '  --min-sqnr DB        signal to noise ratio of the worst output (default 20 without labels)',
  '  --max-accuracy-loss X  accuracy by the labels, as a share (default 0.01)',
  `  --min-speedup X      how much quicker it is (default ${speedup})`,
  '  --force              write the model though a limit is not held',
  '',
  'Measuring:',
  '  --threads N          threads inside one run (default 1)',
  '  --duration S         seconds of measured runs for each model at last (default 1.5)',
  '  --processes N        processes for each model (default 3)',
  `  --no-speed           ${noSpeed}`,
  '',
  'What comes out:',
  '  --json               print JSON',
  '  --save FILE          write that JSON to a file as well',
  '  --report FILE.html   write a page; it needs nothing but a browser',
  '  -h, --help           print this',
  '',
  'Exit code: 0 written, 1 failed, 2 wrong command line, 3 a limit is not held.',
];

/** @throws UsageError where labels, or a number of samples, are given without what they are of. */
export function requireSamples(args: ParsedArguments): void {
  const isGiven = (name: string): boolean => text(args, name) !== undefined;
  if (isGiven('samples') && !isGiven('data')) throw new UsageError('--samples: needs --data');
  if (isGiven('labels') && !isGiven('data') && !isGiven('test')) {
    throw new UsageError('--labels: needs --data');
  }
}

/** @throws UsageError */
export function parseGuardOptions(args: ParsedArguments): GuardSettings {
  const speed = speedProtocol(args, { seconds: 1.5, processes: 3, warmUpMs: 300 });
  return {
    force: args.values['force'] === true,
    threads: wholeNumber(args, 'threads', 1) ?? 1,
    limits: {
      ...given('minSqnr', decimal(args, 'min-sqnr')),
      ...given('maxAccuracyLoss', share(args, 'max-accuracy-loss')),
      ...given('minSpeedup', decimal(args, 'min-speedup')),
    },
    ...given('speed', speed),
    ...given('save', text(args, 'save')),
    ...given('report', text(args, 'report')),
  };
}
