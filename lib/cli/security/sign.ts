import { OnliteError } from '../../errors';
import { signModel, type SignedModel } from '../../security/sign-model';
import { compareWithSignature, differences } from '../../security/verify-model';
import { given, onlyPositional, text, texts } from '../arguments';
import { UsageError, type Command, type ParsedArguments } from '../command';
import { readModelFile } from '../model-file';
import { printable, table } from '../output';

/** Exit code where everything could be read, and the model is not what was signed. */
const NOT_AS_SIGNED = 1;

const commonOptions = {
  signature: { type: 'string' },
  'ignore-path': { type: 'string', multiple: true },
  'allow-symlinks': { type: 'boolean' },
} as const;

const commonHelp = [
  '  --ignore-path PATH   what is in the folder and not covered, beside .git and its kin; again for more',
  '  --allow-symlinks     read links to files as files (as in the cache of Hugging Face)',
  '  --json               print JSON',
  '  -h, --help           print this',
];

function common(args: ParsedArguments): object {
  return {
    ...given('signature', text(args, 'signature')),
    ignorePaths: texts(args, 'ignore-path'),
    allowSymlinks: args.values['allow-symlinks'] === true,
  };
}

function passphrase(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const value = process.env[variable];
  if (value !== undefined) return value;
  throw new OnliteError('ERR_INVALID_ARGUMENT', `--passphrase-env: ${variable} is not set`);
}

export const sign: Command = {
  name: 'sign',
  summary: 'sign models with a key, as OpenSSF model signing does',
  usage: 'MODEL|DIR… --key KEY.pem [options]',
  // A signature is written beside it.
  reads: 0,
  help: [
    'Signs a file, or a folder with all files in it, which external data needs. The signature is a',
    "sigstore bundle that PyPI's `model_signing verify key` verifies, too. Keys are made by",
    '`openssl ecparam -name prime256v1 -genkey -noout -out key.pem`, and public ones by',
    '`openssl ec -in key.pem -pubout -out key.pub`.',
    '',
    'Options:',
    '  --key FILE           the private key, PEM: EC on P-256, P-384 or P-521',
    '  --passphrase-env V   the variable that has the passphrase of the key',
    '  --signature FILE     where to write it; MODEL.sig or DIR/model.sig by default',
    ...commonHelp,
  ].join('\n'),
  options: { ...commonOptions, key: { type: 'string' }, 'passphrase-env': { type: 'string' } },
  async run(args) {
    const models = args.positionals;
    if (models.length === 0) throw new UsageError('MODEL is missing');
    const file = text(args, 'key');
    if (file === undefined) throw new UsageError('--key is missing');
    if (models.length > 1 && text(args, 'signature') !== undefined) {
      throw new UsageError('--signature is for one model');
    }
    const secret = passphrase(text(args, 'passphrase-env'));
    const key = await readModelFile(file);
    const signed: ({ model: string } & SignedModel)[] = [];
    try {
      for (const model of models) {
        const options = { key, ...given('passphrase', secret), ...common(args) };
        signed.push({ model, ...(await signModel(model, options)) });
      }
    } finally {
      key.fill(0);
    }
    return {
      json: { models: signed },
      text: () =>
        table(
          signed.map(({ model, signature, files }) => [
            'signed',
            model,
            `${files.length} file${files.length === 1 ? '' : 's'}`,
            signature,
          ]),
          { indent: 0 },
        ),
    };
  },
};

export const verify: Command = {
  name: 'verify',
  summary: 'check that a model is what a trusted key has signed',
  usage: 'MODEL|DIR --trusted-key KEY.pub [options]',
  help: [
    "Checks a signature that onlite sign or PyPI's `model_signing sign key` has written, and every file",
    'against it. The exit code is 0 where all is as it was signed; 1 where a file was changed, is',
    'missing or was added, which is named, and where the signature is not of a trusted key.',
    '',
    'Options:',
    '  --trusted-key FILE   a public key, PEM; again for others of which one must have signed',
    '  --signature FILE     the signature; MODEL.sig or DIR/model.sig by default',
    ...commonHelp,
  ].join('\n'),
  options: { ...commonOptions, 'trusted-key': { type: 'string', multiple: true } },
  async run(args) {
    const model = onlyPositional(args, 'MODEL');
    const files = texts(args, 'trusted-key');
    if (files.length === 0) throw new UsageError('--trusted-key is missing');
    const trustedKeys = await Promise.all(files.map(readModelFile));
    const found = await compareWithSignature(model, { trustedKeys, ...common(args) });
    const verified = differences(found) === '';
    const { changed, missing, extra } = found;
    const rows = [
      ...changed.map((name) => ['changed', name]),
      ...missing.map((name) => ['missing', name]),
      ...extra.map((name) => ['not signed', name]),
    ];
    return {
      json: { model, verified, ...found },
      text: () =>
        table(
          [
            [verified ? 'verified' : 'not as signed', model],
            ['key', found.keyHint],
            ['signed', `${printable(found.name)}, ${found.files.length} files`],
            ...rows.map(([what = '', name = '']) => [what, printable(name)]),
          ],
          { indent: 0 },
        ),
      exitCode: verified ? 0 : NOT_AS_SIGNED,
    };
  },
};
