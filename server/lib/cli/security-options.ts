import { readFileSync } from 'node:fs';

import type { JSONWebKeySet } from 'jose';

import type { AccessOptions, ApiKey } from '../access';
import type { TlsOptions } from '../tls';
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
  access(): AccessOptions | undefined;
  /** The files of certificates, which may change. */
  readonly tlsFiles: readonly string[];
  tls(): TlsOptions | undefined;
  trustedKeys(): readonly string[] | undefined;
  readonly decrypt: ReturnType<typeof decryptOption>;
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
  return {
    keyFile,
    access: () => {
      if (keyFile === undefined && jwks === undefined) return undefined;
      return {
        ...(keyFile !== undefined && { keys: readApiKeys(keyFile) }),
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

/** The keys of a file `{"keys": […]}`. @throws Error naming the file */
export function readApiKeys(file: string): ApiKey[] {
  const content = readJson(file) as { keys?: unknown } | null;
  if (Array.isArray(content?.keys)) return content.keys as ApiKey[];
  throw new Error(`${file}: expected {"keys": […]}, as \`onlite-server keys add\` writes it`);
}
