import { spawn } from 'node:child_process';

import { OnliteError } from '../errors';
import { keyOfContent, type ModelKey, type ModelKeySource } from '../model-key';
import { text } from './arguments';
import { UsageError, type ParsedArguments } from './command';
import { readModelFile } from './model-file';

/** Where the key of an encrypted model is. */
export const keyOptions = {
  'key-file': { type: 'string' },
  'key-env': { type: 'string' },
  'key-command': { type: 'string' },
} as const;

export const keyHelp: readonly string[] = [
  '  --key-file FILE    the key is in FILE: 32 bytes, or hexadecimal digits or base64 of them',
  '  --key-env NAME     or in the environment variable NAME, as hexadecimal digits or base64',
  '  --key-command CMD  or what CMD prints, which the shell runs with the name of the key that the',
  '                     model asks for in ONLITE_KEY_ID',
];

/** More is no key. */
const MOST_OUTPUT = 4096;

/**
 * The source of the key that an option names; undefined where none does.
 *
 * @throws UsageError where several do
 */
export function keySource(
  args: ParsedArguments,
): ((keyId: string | undefined) => Promise<ModelKey>) | undefined {
  const [file, variable, command] = Object.keys(keyOptions).map((name) => text(args, name));
  const given = [file, variable, command].filter((option) => option !== undefined);
  if (given.length > 1)
    throw new UsageError('expected one of --key-file, --key-env, --key-command');
  if (file !== undefined) {
    return async () => {
      const content = await readModelFile(file);
      try {
        return keyOfContent(content, '--key-file');
      } finally {
        content.fill(0);
      }
    };
  }
  if (variable !== undefined) {
    return async () => {
      const value = process.env[variable];
      if (value !== undefined)
        return Promise.resolve(keyOfContent(Buffer.from(value), '--key-env'));
      throw new OnliteError('ERR_INVALID_ARGUMENT', `--key-env: ${variable} is not set`);
    };
  }
  if (command === undefined) return undefined;
  return async (keyId) => {
    const content = await printedBy(command, keyId);
    try {
      return keyOfContent(content, '--key-command');
    } finally {
      content.fill(0);
    }
  };
}

/** @throws UsageError where no option says what the key is */
export function requiredKey(
  args: ParsedArguments,
): (keyId: string | undefined) => Promise<ModelKey> {
  const source = keySource(args);
  if (source) return source;
  throw new UsageError('a key is missing: --key-file, --key-env or --key-command');
}

/** For the options of a session. */
export function decryptOption(args: ParsedArguments): { decrypt?: ModelKeySource } {
  const decrypt = keySource(args);
  return decrypt === undefined ? {} : { decrypt };
}

/** What a command writes to its standard output; what it has to say goes where ours goes. */
function printedBy(command: string, keyId: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (what: string, cause?: unknown): void => {
      reject(new OnliteError('ERR_MODEL_UNREADABLE', `--key-command: ${what}`, { cause }));
    };
    const child = spawn(command, {
      shell: true,
      stdio: ['inherit', 'pipe', 'inherit'],
      env: { ...process.env, ONLITE_KEY_ID: keyId ?? '' },
    });
    const pieces: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (piece: Buffer) => {
      length += piece.byteLength;
      if (length <= MOST_OUTPUT) pieces.push(piece);
    });
    child.on('error', (cause) => fail(cause.message, cause));
    child.on('close', (code, signal) => {
      if (code !== 0) fail(`ended with ${signal ?? `exit code ${code}`}`);
      else if (length > MOST_OUTPUT) fail(`printed ${length} bytes, which is no key`);
      else resolve(Buffer.concat(pieces));
      for (const piece of pieces) piece.fill(0);
    });
  });
}
