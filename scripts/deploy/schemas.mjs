// Objects against the definitions of their kind, with every field that those do not know as an error.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parse, stringify } from 'yaml';

import { run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';
import { definitionsOf, kubernetesValidate } from './tools.mjs';

const { default: Ajv } = createRequire(at('server/package.json'))('ajv');

/** The oldest version that the chart is for, and the newest one there are schemas of. */
const KUBERNETES = ['1.27.0', '1.37.0'];

const plurals = {
  InferenceService: 'inferenceservices',
  ServingRuntime: 'servingruntimes',
  ScaledObject: 'scaledobjects',
  PodMonitor: 'podmonitors',
  PrometheusRule: 'prometheusrules',
};

/** A definition's OpenAPI schema as JSON Schema that takes no unknown fields, as a strict API server does. */
function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const made = Object.fromEntries(
    Object.entries(schema).map(([key, value]) =>
      key === 'properties'
        ? [key, Object.fromEntries(Object.entries(value).map(([name, of]) => [name, strict(of)]))]
        : [key, strict(value)],
    ),
  );
  if (made['x-kubernetes-int-or-string']) delete made.type;
  // Go's expressions have flags that JavaScript's have not.
  if (typeof made.pattern === 'string' && made.pattern.includes('(?i)')) delete made.pattern;
  const isOpen = made['x-kubernetes-preserve-unknown-fields'] || made.additionalProperties;
  if (made.properties && !isOpen) made.additionalProperties = false;
  return made;
}

const validators = new Map();

async function validatorOf({ apiVersion, kind }) {
  const key = `${apiVersion} ${kind}`;
  const known = validators.get(key);
  if (known !== undefined) return known;
  const [group, version] = apiVersion.split('/');
  const file = join(await definitionsOf(group), `${group}_${plurals[kind]}.yaml`);
  const { spec } = parse(readFileSync(file, 'utf8'));
  const { schema } = spec.versions.find(({ name }) => name === version);
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const validate = ajv.compile(strict(schema.openAPIV3Schema));
  validators.set(key, validate);
  return validate;
}

const isCustom = ({ apiVersion }) =>
  /\.(io|com|sh)\//.test(apiVersion) && !apiVersion.includes('.k8s.io/');

/**
 * @param {{where: string, object: object}[]} objects
 * @returns {Promise<string[]>} what is wrong
 */
export async function validateObjects(objects) {
  const problems = [];
  const custom = objects.filter(({ object }) => isCustom(object));
  for (const { where, object } of custom) {
    const validate = await validatorOf(object);
    if (validate(object)) continue;
    for (const { instancePath, message, params } of validate.errors) {
      const { kind, metadata } = object;
      problems.push(
        `${where}: ${kind} ${metadata.name}: ${instancePath} ${message} ${JSON.stringify(params)}`,
      );
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'onlite-objects-'));
  try {
    const files = objects
      .filter(({ object }) => !isCustom(object))
      .map(({ where, object }, index) => {
        const file = `${String(index)}-${where.replace(/\W+/g, '-')}-${object.kind}.yaml`;
        writeFileSync(join(folder, file), stringify(object));
        return file;
      });
    const program = await kubernetesValidate();
    for (const version of KUBERNETES) {
      const args = ['--strict', '--quiet', '--kubernetes-version', version, ...files];
      await run(program, args, { cwd: folder }).catch((error) => {
        const lines = error.message.split('\n').filter((line) => line.startsWith('ERROR'));
        problems.push(...(lines.length > 0 ? lines : [error.message]));
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems;
}
