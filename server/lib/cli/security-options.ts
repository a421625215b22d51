import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

import type { JSONWebKeySet } from 'jose';

import { Access, type AccessOptions, type ApiKey } from '../access';
import { ConfigError, readJsonFile, type Effective, type Problem } from '../config';
import { secureContext, type TlsOptions } from '../tls';
import { decryptOption, keyOptions } from './key-options';
import { UsageError } from './usage-error';

export const SECURITY_HELP = `  --api-keys FILE         who calls must have a key of this file, see \`onlite-server keys --help\`
  --jwks URL|FILE         or a JSON Web Token that one of these keys has signed,
  --jwt-issuer TEXT         for whom it is issued and by whom: both are needed with --jwks
  --jwt-audience TEXT
  --tls-cert FILE         serve HTTPS with this certificate and those that it depends on, as PEM,
  --tls-key FILE            and its key; both are read again when they change
  --tls-client-ca FILE    take only clients with a certificate by one of these (mutual TLS)
  --trusted-key FILE      load only models that the owner of this public key has signed; may be repeated
  --key-file FILE, --key-env NAME, --key-command CMD
                          where the key of encrypted models is, as for \`onlite encrypt\`
`;

export const securityOptions = {
  'api-keys': { type: 'string' },
  jwks: { type: 'string' },
  'jwt-issuer': { type: 'string' },
  'jwt-audience': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  'trusted-key': { type: 'string', multiple: true },
  ...keyOptions,
} as const;

type Name = keyof typeof securityOptions;
type Values = Readonly<Partial<Record<Exclude<Name, 'trusted-key'>, string | undefined>>> & {
  readonly 'trusted-key'?: readonly string[] | undefined;
};

/** What a command line says of who may call, and of what may be loaded. Files are read when they are asked for. */
export interface SecurityLine {
  /** The file of the keys, which may change. */
  readonly keyFile: string | undefined;
  access(only?: 'tokens'): AccessOptions | undefined;
  /** The files of certificates, which may change. */
  readonly tlsFiles: readonly string[];
  tls(): TlsOptions | undefined;
  trustedKeys(): readonly string[] | undefined;
  readonly decrypt: ReturnType<typeof decryptOption>;
  /** What is wrong with the files that it names, which are read for it. */
  check(): Promise<readonly Problem[]>;
  /** What was said, without anything secret: files and the like by their names. */
  readonly described: Readonly<Record<string, Effective>>;
}

/** @throws UsageError for options that need others */
export function readSecurityOptions(values: Values): SecurityLine {
  const keyFile = values['api-keys'];
  const { jwks, 'jwt-issuer': issuer, 'jwt-audience': audience } = values;
  const { 'tls-cert': cert, 'tls-key': key, 'tls-client-ca': ca } = values;
  if (jwks !== undefined && (issuer === undefined || audience === undefined)) {
    throw new UsageError('--jwks needs --jwt-issuer and --jwt-audience');
  }
  if (jwks === undefined && (issuer ?? audience) !== undefined) {
    throw new UsageError('--jwt-issuer and --jwt-audience need --jwks');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--tls-cert and --tls-key need each other');
  }
  if (ca !== undefined && cert === undefined) {
    throw new UsageError('--tls-client-ca needs --tls-cert and --tls-key');
  }
  const trusted = values['trusted-key'];
  const line: Omit<SecurityLine, 'check' | 'described'> = {
    keyFile,
    access: (only) => {
      if (keyFile === undefined && jwks === undefined) return undefined;
      return {
        ...(keyFile !== undefined && only === undefined && { keys: readApiKeys(keyFile) }),
        ...(jwks !== undefined &&
          issuer !== undefined &&
          audience !== undefined && {
            tokens: {
              jwks: isUrl(jwks) ? jwks : (readJson(jwks) as JSONWebKeySet),
              issuer,
              audience,
            },
          }),
      };
    },
    tlsFiles: [cert, key, ca].filter((file) => file !== undefined),
    tls: () =>
      cert === undefined || key === undefined
        ? undefined
        : { cert: text(cert), key: text(key), ...(ca !== undefined && { clientCa: text(ca) }) },
    trustedKeys: () => trusted?.map(text),
    decrypt: decryptOption(values),
  };
  return { ...line, check: () => checkSecurity(line, values), described: describe(values) };
}

const describe = (values: Values): Record<string, Effective> =>
  Object.fromEntries(
    Object.keys(securityOptions).flatMap((name) => {
      const value = values[name as Name];
      return value === undefined ? [] : [[name, { value, from: 'flag' } satisfies Effective]];
    }),
  );

/** Reads all that the server would, and has it made sure that it can be used. */
async function checkSecurity(
  line: Omit<SecurityLine, 'check' | 'described'>,
  values: Values,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  const tried = async (name: Name, use: () => unknown): Promise<void> => {
    if (values[name] === undefined) return;
    try {
      await use();
    } catch (error) {
      if (error instanceof ConfigError) problems.push(...error.problems);
      else {
        const message = error instanceof Error ? error.message : String(error);
        problems.push({ file: `--${name}`, path: '', message });
      }
    }
  };
  await tried('api-keys', () => new Access({ keys: readApiKeys(line.keyFile ?? '') }));
  await tried('jwks', () => {
    const { tokens } = line.access('tokens') ?? {};
    return tokens && new Access({ tokens });
  });
  await tried('tls-cert', () => {
    const tls = line.tls();
    if (tls !== undefined) createSecureContext(secureContext(tls));
  });
  await tried('trusted-key', () => line.trustedKeys()?.map((key) => createPublicKey(key)));
  // What a command prints is asked for when a model is loaded: it may ask somebody for a password.
  for (const name of ['key-file', 'key-env'] as const) {
    await tried(name, () => line.decrypt?.(undefined));
  }
  return problems;
}

const isUrl = (value: string): boolean => /^https?:\/\//.test(value);

const text = (file: string): string => readFileSync(file, 'utf8');

/** @throws Error naming the file */
function readJson(file: string): unknown {
  try {
    return JSON.parse(text(file)) as unknown;
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** The keys of a file that `onlite-server keys add` has written. @throws ConfigError naming what is wrong */
export const readApiKeys = (file: string): ApiKey[] =>
  (readJsonFile(file, 'keys') as { keys: ApiKey[] }).keys;
