import { spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';

import { checkOptions, optionalString } from '../checks';
import { OnliteError, invalidArgument } from '../errors';
import { unreadable } from '../files';
import { keyOfContent, type ModelKey } from '../model-key';
import { isError } from '../realms';

/** Where the key of encrypted models is: one of these. */
export interface ModelKeyPlace {
  /** A file: 32 bytes, or hexadecimal digits or base64 of them. */
  readonly file?: string;
  /** An environment variable, with hexadecimal digits or base64. */
  readonly env?: string;
  /**
   * What the shell runs and what then prints the key. `ONLITE_KEY_ID` has the name of the key that the model
   * asks for.
   */
  readonly command?: string;
}

const PLACES = ['file', 'env', 'command'] as const satisfies (keyof ModelKeyPlace)[];

/** More is no key. */
const MOST_OUTPUT = 4096;

/**
 * What gives the key that is somewhere, for the option `decrypt` of sessions. It looks there each time that it
 * is called, so that another key can be put in its place.
 *
 * @param prefix - what errors have before the name of a place. Default `place.`
 * @throws OnliteError ERR_INVALID_ARGUMENT unless exactly one place is named; the function's promise rejects
 *   with ERR_INVALID_ARGUMENT for what is no key, ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE
 */
export function modelKeyAt(
  place: ModelKeyPlace,
  prefix = 'place.',
): (keyId: string | undefined) => Promise<ModelKey> {
  const checked = checkOptions(place, 'place', new Set<string>(PLACES));
  const named = PLACES.filter((name) => optionalString(checked, name, 'place') !== undefined);
  const [name, another] = named;
  if (name === undefined || another !== undefined) {
    throw invalidArgument('place', `one of ${PLACES.join(', ')}`, place);
  }
  const where = place[name] ?? '';
  const path = `${prefix}${name}`;
  return async (keyId) => {
    const content = await readers[name](where, path, keyId);
    try {
      return keyOfContent(content, path);
    } finally {
      content.fill(0);
    }
  };
}

type Reader = (where: string, path: string, keyId: string | undefined) => Promise<Buffer> | Buffer;

const readers: Readonly<Record<keyof ModelKeyPlace, Reader>> = {
  file: readKeyFile,
  env: (variable, path) => {
    const value = process.env[variable];
    if (value !== undefined) return Buffer.from(value);
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: ${variable} is not set`);
  },
  command: printedBy,
};

async function readKeyFile(file: string): Promise<Buffer> {
  try {
    // To open a pipe would wait for somebody who writes to it.
    if ((await stat(file)).isFile()) return await readFile(file);
  } catch (cause) {
    throw unreadable(
      `cannot read '${file}': ${isError(cause) ? cause.message : String(cause)}`,
      cause,
    );
  }
  throw new OnliteError('ERR_MODEL_NOT_FOUND', `'${file}' is no file`);
}

/** What a command writes to its standard output; what it has to say goes where ours goes. */
function printedBy(command: string, path: string, keyId: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (what: string, cause?: unknown): void => {
      reject(new OnliteError('ERR_MODEL_UNREADABLE', `${path}: ${what}`, { cause }));
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
