import type { ModelKey, ModelKeySource } from '../model-key';
import { modelKeyAt } from '../security/key-place';
import { text } from './arguments';
import { UsageError, type ParsedArguments } from './command';

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

/**
 * The source of the key that an option names; undefined where none does.
 *
 * @throws UsageError where several do
 */
export function keySource(
  args: ParsedArguments,
): ((keyId: string | undefined) => Promise<ModelKey>) | undefined {
  const [file, env, command] = Object.keys(keyOptions).map((name) => text(args, name));
  const place = {
    ...(file !== undefined && { file }),
    ...(env !== undefined && { env }),
    ...(command !== undefined && { command }),
  };
  const given = Object.keys(place).length;
  if (given > 1) throw new UsageError('expected one of --key-file, --key-env, --key-command');
  return given === 0 ? undefined : modelKeyAt(place, '--key-');
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
