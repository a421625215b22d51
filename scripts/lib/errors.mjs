/** A set-up step that failed for a reason the user can act on: `remedy` says how. */
export class SetupError extends Error {
  constructor(message, remedy) {
    super(message);
    this.name = 'SetupError';
    this.remedy = remedy;
  }
}

/** Prints a failure the way every script does, and makes the process exit with 1. */
export function reportFailure(script, error) {
  process.stderr.write(`${script}: ${error.message}\n`);
  if (error.remedy) process.stderr.write(`what to do: ${error.remedy}\n`);
  if (!(error instanceof SetupError)) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
