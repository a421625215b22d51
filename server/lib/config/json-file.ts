import { readFileSync } from 'node:fs';

import { ConfigError, validate, type SchemaName } from './schemas';

/**
 * What a JSON file of a schema has.
 *
 * @throws ConfigError naming the file and the path of what is wrong
 */
export function readJsonFile(file: string, schema: SchemaName): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw problem(file, `cannot be read: ${messageOf(error)}`);
  }
  return parseJson(text, file, schema);
}

/** @throws ConfigError */
export function parseJson(text: string, file: string, schema: SchemaName): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw problem(file, `is no JSON: ${messageOf(error)}`);
  }
  const problems = validate(schema, value, file);
  if (problems.length > 0) throw new ConfigError(problems);
  return value;
}

const problem = (file: string, message: string): ConfigError =>
  new ConfigError([{ file, path: '', message }]);

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
