import { invalidArgument } from './errors';

/** A value that was said to be an options object. */
export type Unchecked = Readonly<Record<string, unknown>>;

/**
 * Checks that a value is a plain options object with known keys only.
 *
 * @returns a copy of its own properties, so that a getter runs once and what
 *   was put on a prototype does not count
 */
export function checkOptions(value: unknown, path: string, keys: ReadonlySet<string>): Unchecked {
  if (value === undefined) return ownProperties({});
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(path, 'an object', value);
  }
  const options = ownProperties(value);
  for (const key of Object.keys(options)) {
    if (!keys.has(key)) {
      throw invalidArgument(path, `one of ${[...keys].sort().join(', ')}`, key);
    }
  }
  return options;
}

/** An object's own enumerable properties on an object without a prototype. */
export function ownProperties(value: object): Unchecked {
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}

/** The same of an object of ours: what is not in it is undefined, whatever a prototype has. */
export function withoutPrototype<Value extends object>(value: Value): Value {
  return Object.assign(Object.create(null) as Value, value);
}

/** Copies the properties that have a value. */
export function assignDefined<Target extends object>(
  target: Target,
  source: { [Key in keyof Target]?: Target[Key] | undefined },
): void {
  for (const [key, value] of Object.entries(source)) {
    if (value !== undefined) Object.assign(target, { [key]: value });
  }
}

/** Sets an own property, `__proto__` too: a model chooses its names. */
export function setOwn<Value>(record: Record<string, Value>, name: string, value: Value): void {
  if (name === '__proto__') {
    const ordinary = { configurable: true, enumerable: true, writable: true };
    Object.defineProperty(record, name, { value, ...ordinary });
  } else {
    record[name] = value;
  }
}

/** An own integer option in [min, max], or undefined when it was left out. */
export function optionalInteger(
  options: Unchecked,
  key: string,
  path: string,
  min: number,
  max: number,
): number | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw invalidArgument(`${path}.${key}`, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

export function optionalBoolean(
  options: Unchecked,
  key: string,
  path: string,
): boolean | undefined {
  const value = options[key];
  if (value !== undefined && typeof value !== 'boolean') {
    throw invalidArgument(`${path}.${key}`, 'a boolean', value);
  }
  return value;
}

/** A string option without NUL characters, which would end it early in C. */
export function optionalString(options: Unchecked, key: string, path: string): string | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  return checkString(value, `${path}.${key}`);
}

/**
 * An array's elements up to a sane number of them: a proxy or a sparse array
 * may claim any length.
 */
export function checkArray(value: unknown, path: string, maxLength: number): unknown[] {
  if (!Array.isArray(value)) throw invalidArgument(path, 'an array', value);
  const { length } = value;
  if (!(length <= maxLength)) {
    throw invalidArgument(path, `at most ${maxLength} elements`, value);
  }
  const copy: unknown[] = [];
  for (let index = 0; index < length; index++) copy[index] = value[index];
  return copy;
}

export function checkString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalidArgument(path, 'a string', value);
  if (value.includes('\0')) throw invalidArgument(path, 'a string without NUL characters', value);
  return value;
}

/** An option that is one of a table's names, or undefined when it was left out. */
export function optionalChoice<Value>(
  options: Unchecked,
  key: string,
  path: string,
  choices: ReadonlyMap<string, Value>,
): Value | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  const choice = typeof value === 'string' ? choices.get(value) : undefined;
  if (choice === undefined) {
    const names = [...choices.keys()].map((name) => `'${name}'`).join(', ');
    throw invalidArgument(`${path}.${key}`, `one of ${names}`, value);
  }
  return choice;
}

/** A table for {@link optionalChoice} of names that are values themselves. */
export const wordsOf = (...words: readonly string[]): ReadonlyMap<string, string> =>
  new Map(words.map((word) => [word, word]));

/**
 * ONNX Runtime's configuration entries: `{session: {disable_prepacking: '1'}}`
 * and `{'session.disable_prepacking': '1'}` both mean session.disable_prepacking=1.
 */
export function configEntries(value: unknown, path: string): [string, string][] {
  if (value === undefined) return [];
  const entries: [string, string][] = [];
  collectEntries(value, path, '', entries, 0);
  return entries;
}

const maxEntryDepth = 16;

function collectEntries(
  value: unknown,
  path: string,
  prefix: string,
  entries: [string, string][],
  depth: number,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(path, 'an object', value);
  }
  if (depth > maxEntryDepth) throw invalidArgument(path, 'an object of fewer levels', value);
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    const name = checkString(prefix === '' ? key : `${prefix}.${key}`, path);
    switch (typeof item) {
      case 'string':
        entries.push([name, checkString(item, `${path}.${key}`)]);
        break;
      case 'number':
        entries.push([name, String(item)]);
        break;
      case 'boolean':
        entries.push([name, item ? '1' : '0']);
        break;
      case 'undefined':
        break;
      default:
        collectEntries(item, `${path}.${key}`, name, entries, depth + 1);
    }
  }
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for what is no whole number from 1 on */
export function requireCount(value: unknown, path: string): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw invalidArgument(path, 'a whole number from 1 on', value);
}
