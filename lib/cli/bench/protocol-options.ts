import { seconds, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import type { Protocol } from './schedule';

const BLOCKS = 4;

/**
 * How a command measures models by `--duration` and `--processes`.
 *
 * @returns undefined with `--no-speed`
 * @throws UsageError
 */
export function speedProtocol(
  args: ParsedArguments,
  defaults: {
    readonly seconds: number;
    readonly processes: number;
    readonly warmUpMs: number;
  },
): Protocol | undefined {
  const duration = seconds(args, 'duration', 0.001);
  const processes = wholeNumber(args, 'processes', 1);
  if (args.values['no-speed'] === true) {
    refuseWithoutSpeed(args, ['duration', 'processes']);
    return undefined;
  }
  return {
    processes: processes ?? defaults.processes,
    blocks: BLOCKS,
    total: { seconds: duration ?? defaults.seconds },
    warmUpMs: defaults.warmUpMs,
    profileRuns: 0,
  };
}

/** @throws UsageError for options that mean nothing with `--no-speed`. */
export function refuseWithoutSpeed(args: ParsedArguments, names: readonly string[]): void {
  if (args.values['no-speed'] !== true) return;
  const asked = names.find((name) => args.values[name] !== undefined);
  if (asked !== undefined) throw new UsageError(`--no-speed and --${asked}: give one of them`);
}
