import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { UsageError, type Command, type ParsedArguments } from './command';

const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
} as const;

/** @throws UsageError for an option that the command does not have, or one without its value. */
export function parseCommandLine(command: Command, args: readonly string[]): ParsedArguments {
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options, ...COMMON },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function text(args: ParsedArguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === 'string' ? value : undefined;
}

export function texts(args: ParsedArguments, name: string): string[] {
  const value = args.values[name];
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === 'string');
}

/** A whole number of at least `least`. */
export function wholeNumber(
  args: ParsedArguments,
  name: string,
  least: number,
): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < least) {
    throw new UsageError(`--${name}: expected a whole number of at least ${least}, got '${value}'`);
  }
  return number;
}

/** Seconds of at least `least`, a day at most. */
export function seconds(args: ParsedArguments, name: string, least: number): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d*\.?\d+$/.test(value) || !(number >= least) || number > 86_400) {
    throw new UsageError(`--${name}: expected seconds of at least ${least}, got '${value}'`);
  }
  return number;
}

/** One of a few words. */
export function choice<Value extends string>(
  args: ParsedArguments,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const given = text(args, name);
  if (given === undefined) return undefined;
  const found = values.find((value) => value === given);
  if (found === undefined) {
    throw new UsageError(`--${name}: expected one of ${values.join(', ')}, got '${given}'`);
  }
  return found;
}

/** A decimal number, negative ones too. */
export function decimal(args: ParsedArguments, name: string): number | undefined {
  const value = text(args, name);
  if (value === undefined) return undefined;
  if (!/^-?\d*\.?\d+(e-?\d+)?$/i.test(value)) {
    throw new UsageError(`--${name}: expected a number, got '${value}'`);
  }
  return Number(value);
}

/** A share of a whole, from 0 to 1. */
export function share(args: ParsedArguments, name: string): number | undefined {
  const value = decimal(args, name);
  if (value !== undefined && (value < 0 || value > 1)) {
    throw new UsageError(`--${name}: expected a share from 0 to 1, got ${value}`);
  }
  return value;
}

/** A property for what was said on the command line; none for what was not. */
export const given = (name: string, value: unknown): object =>
  value === undefined ? {} : { [name]: value };

/** A file by the one name that all its links have. */
function realName(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

/**
 * Checks that no option names a model as the file that it writes.
 *
 * @throws UsageError
 */
export function checkOutputs(
  args: ParsedArguments,
  options: readonly string[],
  models: readonly string[],
): void {
  const names = new Map(models.map((model) => [realName(model), model]));
  for (const option of options) {
    const file = text(args, option);
    const model = file === undefined ? undefined : names.get(realName(file));
    if (model !== undefined)
      throw new UsageError(`--${option}: would replace the model '${model}'`);
  }
}

/** The one positional argument of a command that takes one. */
export function onlyPositional(args: ParsedArguments, what: string): string {
  const [first, second] = args.positionals;
  if (first === undefined) throw new UsageError(`${what} is missing`);
  if (second !== undefined) throw new UsageError(`unexpected argument '${second}'`);
  return first;
}
