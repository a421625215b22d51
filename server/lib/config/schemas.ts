import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020';

import { packageFolder } from '../package-folder';

/** What is wrong with a configuration, and where. */
export interface Problem {
  readonly file: string;
  /** Such as `versionPolicy.latest.count`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

export const printProblem = ({ file, path, message }: Problem): string =>
  [file, path, message].filter((part) => part !== '').join(': ');

/** A configuration that cannot be followed. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(printProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const NAMES = ['model', 'server', 'state', 'tests', 'management', 'keys'] as const;
export type SchemaName = (typeof NAMES)[number];

/** The schemas that are published with this package. */
export const schemasFolder = (): string => join(packageFolder(), 'schemas');

let ajv: Ajv2020 | undefined;

function validator(name: string): ValidateFunction {
  if (ajv === undefined) {
    // Loaded when something is configured: it takes longer than a server without needs.
    const { Ajv2020: Ajv } = require('ajv/dist/2020') as typeof import('ajv/dist/2020');
    ajv = new Ajv({ allErrors: true, verbose: true, allowUnionTypes: true, strictRequired: false });
    const folder = schemasFolder();
    for (const each of NAMES) {
      const file = `${each}.schema.json`;
      ajv.addSchema(JSON.parse(readFileSync(join(folder, file), 'utf8')) as object, file);
    }
  }
  const found = ajv.getSchema(name);
  if (found === undefined) throw new Error(`there is no schema ${name}`);
  return found;
}

/**
 * What of a value is not as a schema has it.
 *
 * @param part - of the schema, such as `#/properties/pin`
 */
export function validate(
  name: SchemaName,
  value: unknown,
  file: string,
  part = '',
): readonly Problem[] {
  const check = validator(`${name}.schema.json${part}`);
  if (check(value)) return [];
  const seen = new Map<string, Problem>();
  for (const error of check.errors ?? []) {
    const message = messageOf(error);
    if (message === undefined) continue;
    const path = pathOf(error);
    seen.set(`${path}: ${message}`, { file, path, message });
  }
  return [...seen.values()];
}

/** As in the messages of everything else: `models.sum.config.canary.percent`. */
function pathOf({ instancePath, keyword, params }: ErrorObject): string {
  const parts = instancePath.split('/').slice(1);
  const { additionalProperty, propertyName } = params as Record<string, string | undefined>;
  if (keyword === 'additionalProperties' && additionalProperty !== undefined) {
    parts.push(additionalProperty);
  }
  if (keyword === 'propertyNames' && propertyName !== undefined) parts.push(propertyName);
  let path = '';
  for (const part of parts) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^\d+$/.test(key)) path += `[${key}]`;
    else path += path === '' ? key : `.${key}`;
  }
  return path;
}

/** Undefined for what others say better. */
function messageOf(error: ErrorObject): string | undefined {
  const { keyword, params, schema, data, message = '', propertyName } = error;
  const got = `got ${JSON.stringify(data).slice(0, 60)}`;
  switch (keyword) {
    case 'additionalProperties':
      return 'is not known';
    case 'required':
      return isAlternative(error)
        ? undefined
        : `expected ${(params as { missingProperty: string }).missingProperty}`;
    case 'type': {
      const { type } = params as { type: string | string[] };
      return type === 'null' ? undefined : `expected ${[type].flat().join(' or ')}, ${got}`;
    }
    case 'anyOf': {
      const names = (schema as { required?: string[] }[]).flatMap(({ required = [] }) => required);
      return names.length === 0 ? undefined : `expected ${names.join(' or ')}`;
    }
    case 'not': {
      const { required } = schema as { required?: string[] };
      return required === undefined
        ? `expected something else, ${got}`
        : `expected only one of ${required.join(' and ')}`;
    }
    case 'propertyNames':
      return 'is no name for this';
    case 'minProperties':
    case 'maxProperties':
      return `expected exactly one of its forms, ${got}`;
    default:
      // Of the name, which is told as such.
      if (propertyName !== undefined) return undefined;
      return `${message.replace(/^must /, 'expected to ')}, ${got}`;
  }
}

/** A branch of an `anyOf` whose message names them all. */
const isAlternative = ({ schemaPath }: ErrorObject): boolean =>
  /\/anyOf\/\d+\/required$/.test(schemaPath);
