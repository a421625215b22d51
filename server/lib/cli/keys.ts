import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { createApiKey, type ApiKey } from '../access';
import { replaceFile } from '../replace-file';
import { readApiKeys } from './security-options';
import { UsageError } from './usage-error';

export const KEYS_HELP = `Usage: onlite-server keys add FILE ID --scope SCOPE… [--expires TIME]
       onlite-server keys list FILE
       onlite-server keys remove FILE ID

Keeps the file that --api-keys names. \`add\` makes a key and prints it, once: the file has its hash alone.
A server that runs takes the file's keys as soon as it has changed.

  --scope SCOPE    infer, manage, monitor or label; of some models: infer:NAME, infer:PREFIX*; may be repeated
  --expires TIME   from when on it is refused, such as 2030-01-31
`;

/**
 * `onlite-server keys …`.
 *
 * @throws UsageError
 */
export async function keysCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help === true) {
    process.stdout.write(KEYS_HELP);
    return;
  }
  const [verb, file, id] = positionals;
  const count = verb === 'list' ? 2 : 3;
  if (file === undefined || positionals.length !== count) throw usage();
  if (verb === 'list') list(readApiKeys(file));
  else if (verb === 'add') await add(file, id ?? '', values.scope ?? [], values.expires);
  else if (verb === 'remove') await remove(file, id ?? '');
  else throw usage();
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        scope: { type: 'string', multiple: true },
        expires: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const usage = (): UsageError =>
  new UsageError('keys: expected add FILE ID --scope SCOPE, list FILE or remove FILE ID');

async function add(
  file: string,
  id: string,
  scopes: readonly string[],
  expires?: string,
): Promise<void> {
  if (scopes.length === 0) throw new UsageError('keys add: --scope is missing');
  const keys = existsSync(file) ? readApiKeys(file) : [];
  if (keys.some((key) => key.id === id)) throw new Error(`${file} has a key '${id}' already`);
  let made: ReturnType<typeof createApiKey>;
  try {
    made = createApiKey(id, scopes, expires);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  await write(file, [...keys, made.key]);
  process.stdout.write(`${made.text}\n`);
}

async function remove(file: string, id: string): Promise<void> {
  const keys = readApiKeys(file);
  const others = keys.filter((key) => key.id !== id);
  if (others.length === keys.length) throw new Error(`${file} has no key '${id}'`);
  await write(file, others);
}

function list(keys: readonly ApiKey[]): void {
  for (const { id, scopes, expires } of keys) {
    process.stdout.write(
      `${id}  ${scopes.join(' ')}${expires === undefined ? '' : `  until ${expires}`}\n`,
    );
  }
}

const write = (file: string, keys: readonly ApiKey[]): Promise<void> =>
  replaceFile(file, `${JSON.stringify({ keys }, null, 2)}\n`);
