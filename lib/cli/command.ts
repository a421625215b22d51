import type { ParseArgsConfig } from 'node:util';

/** What a command line says, after node's own parser has checked it against `options`. */
export interface ParsedArguments {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** What a command has to say; which of the two is printed is the caller's business. */
export interface CommandResult {
  /** For `--json`. Keys are stable; bigints beyond 2^53 become strings. */
  readonly json: object;
  /** For people. */
  text(): string;
  /** 0 when left out; 1 for "it worked, and the answer is bad". */
  readonly exitCode?: number;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Everything below the usage line, options included. */
  readonly help: string;
  /** The usage line's tail, e.g. `MODEL [options]`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many of its positionals are files that are only read; the others are written. Default: all. */
  readonly reads?: number;
  run(args: ParsedArguments): Promise<CommandResult>;
}

/** Exit code where the work was done and a limit is not held. */
export const NOT_HELD = 3;

/** The command line itself is wrong: usage on stderr and exit code 2. */
export class UsageError extends Error {}
