import {
  checkArray,
  checkString,
  optionalBoolean,
  optionalString,
  type Unchecked,
} from '../../checks';
import { invalidArgument } from '../../errors';

const MAX_EXCLUDED = 1_000_000;

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isNumber = (value: unknown): boolean => typeof value === 'number' && !Number.isNaN(value);

/**
 * Checks the options that all changes of a model under the guard have: samples, limits, what is
 * excluded, and how it is made.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function checkGuardedOptions(options: Unchecked): void {
  const check = (name: string, expected: string, holds: (value: unknown) => boolean): void => {
    const value = options[name];
    if (!holds(value)) throw invalidArgument(`options.${name}`, expected, value);
  };
  const checkOptional: typeof check = (name, expected, holds) =>
    check(name, expected, (value) => value === undefined || holds(value));
  check('data', 'a function that gives samples', isFunction);
  checkOptional('heldOut', 'a function that gives samples', isFunction);
  for (const name of ['minSqnr', 'maxAccuracyLoss', 'minSpeedup']) {
    checkOptional(name, 'a number', isNumber);
  }
  checkOptional('onProgress', 'a function', isFunction);
  checkOptional('signal', 'an AbortSignal', (value) => value instanceof AbortSignal);
  optionalBoolean(options, 'force', 'options');
  optionalString(options, 'output', 'options');
  if (options['exclude'] === undefined) return;
  checkArray(options['exclude'], 'options.exclude', MAX_EXCLUDED).forEach((name, index) =>
    checkString(name, `options.exclude[${index}]`),
  );
}
