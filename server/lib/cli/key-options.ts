import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

import type { SessionOptions } from 'onlite';

import { UsageError } from './usage-error';

/** Where the key of encrypted models is, as for `onlite encrypt`. */
export const keyOptions = {
  'key-file': { type: 'string' },
  'key-env': { type: 'string' },
  'key-command': { type: 'string' },
} as const;

type KeyValues = { readonly [Name in keyof typeof keyOptions]?: string | undefined };
type Decrypt = Extract<
  NonNullable<SessionOptions['decrypt']>,
  (keyId: string | undefined) => unknown
>;

const KEY_BYTES = 32;
/** More is no key. */
const MOST_OUTPUT = 4096;

/**
 * What gives the key when a model is loaded, so that another one can be put in its place while the server
 * runs; undefined where no option says where it is.
 *
 * @throws UsageError where several do
 */
export function decryptOption(values: KeyValues): Decrypt | undefined {
  const { 'key-file': file, 'key-env': variable, 'key-command': command } = values;
  if ([file, variable, command].filter((value) => value !== undefined).length > 1) {
    throw new UsageError('expected one of --key-file, --key-env, --key-command');
  }
  if (file !== undefined) return async () => keyOf(await readFile(file));
  if (variable !== undefined) {
    return () => {
      const value = process.env[variable];
      if (value === undefined) throw new Error(`--key-env: ${variable} is not set`);
      return value;
    };
  }
  return command === undefined
    ? undefined
    : async (keyId) => keyOf(await printedBy(command, keyId));
}

/** 32 bytes as they are, or text that the session makes bytes of. */
const keyOf = (content: Buffer): Uint8Array | string =>
  content.length === KEY_BYTES ? content : content.toString('latin1');

function printedBy(command: string, keyId: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ONLITE_KEY_ID: keyId ?? '' },
    });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MOST_OUTPUT) chunks.push(chunk);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0)
        reject(new Error(`--key-command ended with ${signal ?? `exit code ${code}`}`));
      else if (length > MOST_OUTPUT) reject(new Error(`--key-command printed ${length} bytes`));
      else resolve(Buffer.concat(chunks));
    });
  });
}
