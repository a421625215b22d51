import { parseArgs } from 'node:util';

import type { ManagedModel } from '../rollout';
import { UsageError } from './usage-error';

export const MODELS_HELP = `Usage: onlite models COMMAND [NAME] [options]

Shows and changes what a server serves that was started with --management-port. Where it asks for a key
(--api-keys) or token, that is what ONLITE_API_KEY has; it needs the scope manage.

  list                       models, versions, labels, canaries and shadows
  pin NAME VERSION           requests that name no version have this one, whichever others come
  unpin NAME
  rollback NAME [VERSION]    to the version before, or this one; those above it are served no more
  label NAME LABEL VERSION   or none in place of VERSION, which takes the label away
  canary NAME VERSION PERCENT [--key-header H | --key-parameter P]
  promote NAME               the canary has all requests
  abort NAME                 the canary has none, and is served no more
  shadow NAME VERSION PERCENT [--absolute X] [--relative X]
  unshadow NAME
  load NAME [VERSION]        what was unloaded, rolled back or failed
  unload NAME [VERSION]
  reset NAME                 forgets all that was changed so: the configuration alone holds
  reload                     reads the configuration again

  --server URL               default http://127.0.0.1:8502, or what ONLITE_MANAGEMENT_URL has; https://
                             where the server speaks TLS (NODE_EXTRA_CA_CERTS has authorities of your own)
  --json                     print the answer as JSON
  --help
`;

const options = {
  server: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  'key-header': { type: 'string' },
  'key-parameter': { type: 'string' },
  absolute: { type: 'string' },
  relative: { type: 'string' },
} as const;

type Values = Partial<Record<keyof typeof options, string | boolean>>;

/** How many words a command takes behind its model's name, and what body they make. */
interface Verb {
  readonly least: number;
  readonly most: number;
  readonly body: (words: readonly string[], values: Values) => object;
}

const nothing: Verb = { least: 0, most: 0, body: () => ({}) };
const maybeVersion: Verb = {
  least: 0,
  most: 1,
  body: ([version]) => (version === undefined ? {} : { version }),
};

const verbs: Readonly<Record<string, Verb>> = {
  pin: { least: 1, most: 1, body: ([version]) => ({ version }) },
  unpin: nothing,
  rollback: maybeVersion,
  label: {
    least: 2,
    most: 2,
    body: ([label = '', version]) => ({ [label]: version === 'none' ? null : version }),
  },
  canary: {
    least: 2,
    most: 2,
    body: ([version, percent], values) => {
      const { 'key-header': header, 'key-parameter': parameter } = values;
      const key = { ...(header && { header }), ...(parameter && { parameter }) };
      const isKeyed = Object.keys(key).length > 0;
      return { version, percent: numberOf('PERCENT', percent), ...(isKeyed && { key }) };
    },
  },
  promote: nothing,
  abort: nothing,
  shadow: {
    least: 2,
    most: 2,
    body: ([version, percent], { absolute, relative }) => ({
      version,
      percent: numberOf('PERCENT', percent),
      tolerance: {
        ...(absolute !== undefined && { absolute: numberOf('--absolute', absolute) }),
        ...(relative !== undefined && { relative: numberOf('--relative', relative) }),
      },
    }),
  },
  unshadow: nothing,
  load: maybeVersion,
  unload: maybeVersion,
  reset: nothing,
};

function numberOf(what: string, text: string | boolean | undefined): number {
  const value = Number(text);
  if (typeof text === 'string' && text !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`${what}: expected a number, got '${text}'`);
}

/** Asks a server. @returns what to print @throws UsageError, Error with what the server says */
export async function manageModels(args: readonly string[]): Promise<string> {
  const { values, positionals } = parse(args);
  if (values.help === true) return MODELS_HELP;
  const [command, ...words] = positionals;
  const url = values.server ?? process.env['ONLITE_MANAGEMENT_URL'] ?? 'http://127.0.0.1:8502';
  const print = (answer: unknown, text: () => string): string =>
    `${values.json === true ? JSON.stringify(answer) : text()}\n`;
  if (command === undefined) throw new UsageError('a command is missing: list, pin, …');
  if (command === 'list' || command === 'reload') {
    if (words.length > 0) throw new UsageError(`${command}: expected nothing behind it`);
    if (command === 'list') {
      const { models } = (await request(url, 'models')) as { models: ManagedModel[] };
      return print(models, () => models.map(describe).join('\n') || 'no models');
    }
    const answer = (await request(url, 'reload', {})) as { needsRestart: string[] };
    const { needsRestart } = answer;
    return print(answer, () =>
      needsRestart.length === 0
        ? 'reloaded'
        : `reloaded; after a restart: ${needsRestart.join(', ')}`,
    );
  }
  const verb = Object.hasOwn(verbs, command) ? verbs[command] : undefined;
  if (verb === undefined) throw new UsageError(`there is no command '${command}'`);
  const [name, ...rest] = words;
  if (name === undefined) throw new UsageError(`${command}: the name of a model is missing`);
  if (rest.length < verb.least || rest.length > verb.most) {
    throw new UsageError(`${command}: see --help for what is behind the name`);
  }
  const path = `models/${encodeURIComponent(name)}/${command}`;
  const model = (await request(url, path, verb.body(rest, values))) as ManagedModel;
  return print(model, () => describe(model));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function request(url: string, path: string, body?: object): Promise<unknown> {
  let response: Response;
  try {
    const key = process.env['ONLITE_API_KEY'];
    response = await fetch(`${url.replace(/\/+$/, '')}/manage/${path}`, {
      headers: {
        ...(key !== undefined && { Authorization: `Bearer ${key}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
  } catch (error) {
    const { cause } = error as Error;
    const why = cause instanceof Error ? cause.message : String(error);
    throw new Error(`${url} does not answer: ${why} (is it started with --management-port?)`, {
      cause: error,
    });
  }
  const text = await response.text();
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`${url} answers ${response.status}, and no JSON: is it the management port?`);
  }
  if (response.ok) return answer;
  throw new Error((answer as { error?: string }).error ?? text);
}

/** A line for each version, with what requests it has. */
function describe(model: ManagedModel): string {
  const { name, versions, pin, labels, canary, shadow, isUnloaded, problem } = model;
  const lines = versions.map(({ version, state, reason, isDefault, isDisabled }) => {
    const roles = [
      isDefault && 'default',
      version === pin && 'pinned',
      ...Object.entries(labels).flatMap(([label, of]) => (of === version ? [label] : [])),
      version === canary?.version && `canary ${canary.percent} %`,
      version === shadow?.version && `shadow ${shadow.percent} %`,
      isDisabled && 'disabled',
    ].filter((role) => role !== false);
    const said = roles.length > 0 ? `  ${roles.join(', ')}` : '';
    return `  ${version.padEnd(6)} ${state.padEnd(9)}${said}${reason === undefined ? '' : `  ${reason}`}`;
  });
  const unloaded = isUnloaded ? ' (unloaded)' : '';
  const wrong = problem === undefined ? [] : [`  its configuration is not followed: ${problem}`];
  return [`${name}${unloaded}`, ...lines, ...wrong].join('\n');
}
