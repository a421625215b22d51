import { stat } from 'node:fs/promises';

import { decryptModel, encryptModel } from '../../security/encrypt-model';
import { given, text } from '../arguments';
import { UsageError, type Command, type CommandResult, type ParsedArguments } from '../command';
import { keyHelp, keyOptions, requiredKey } from '../model-key';
import { interrupted } from '../interrupted';
import { byteSize, table } from '../output';

function inputAndOutput(args: ParsedArguments): [input: string, output: string] {
  const [input, output, ...others] = args.positionals;
  if (input === undefined || output === undefined) throw new UsageError('IN and OUT are expected');
  if (others[0] !== undefined) throw new UsageError(`unexpected argument '${others[0]}'`);
  return [input, output];
}

/** Has an interruption end the writing, and says what was written. */
async function written(
  what: string,
  [input, output]: readonly [string, string],
  write: (signal: AbortSignal) => Promise<void>,
): Promise<CommandResult> {
  const interruption = interrupted();
  await write(interruption.signal).finally(interruption.end);
  const { size } = await stat(output);
  const rows = [
    [what, output],
    ['size', byteSize(size)],
  ];
  return {
    json: { input, output: { path: output, bytes: size } },
    text: () => table(rows, { indent: 0 }),
  };
}

export const encrypt: Command = {
  name: 'encrypt',
  summary: 'encrypt a model with AES-256-GCM',
  usage: 'IN OUT (--key-file FILE | --key-env NAME | --key-command CMD) [options]',
  reads: 1,
  help: [
    'Encrypts a model, which may be compressed, for sessions that are given the key (option decrypt):',
    'these have the plain model in memory alone. External data of an ONNX model is taken into OUT.',
    'OUT may be IN. `openssl rand -hex 32` makes a key.',
    '',
    'Options:',
    ...keyHelp,
    '  --key-id ID        what OUT says that its key is called; anybody can read it',
    '  --json             print JSON',
    '  -h, --help         print this',
  ].join('\n'),
  options: { ...keyOptions, 'key-id': { type: 'string' } },
  async run(args) {
    const [input, output] = inputAndOutput(args);
    const keyId = text(args, 'key-id');
    const key = await requiredKey(args)(keyId);
    const name = given('keyId', keyId);
    const result = await written('encrypted', [input, output], (signal) =>
      encryptModel(input, output, { key, signal, ...name }),
    );
    return { ...result, json: { ...result.json, ...name } };
  },
};

export const decrypt: Command = {
  name: 'decrypt',
  summary: 'write what is in an encrypted model as plain text',
  usage: 'IN OUT (--key-file FILE | --key-env NAME | --key-command CMD) [options]',
  reads: 1,
  help: [
    'Writes the model in an encrypted file. OUT is there when all of IN was found to be undamaged.',
    'A session, onlite run and onlite info read the encrypted file itself, given its key.',
    '',
    'Options:',
    ...keyHelp,
    '  --json             print JSON',
    '  -h, --help         print this',
  ].join('\n'),
  options: keyOptions,
  async run(args) {
    const [input, output] = inputAndOutput(args);
    const key = requiredKey(args);
    return written('decrypted', [input, output], (signal) =>
      decryptModel(input, output, { key, signal }),
    );
  },
};
