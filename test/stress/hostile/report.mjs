import { writeSync } from 'node:fs';

/**
 * What a child tells its test: one JSON value a line on standard output, which is
 * a file. Written before each step, so that a crash or a hang names its step.
 */
export function report(value) {
  writeSync(1, `${JSON.stringify(value)}\n`);
}
