import type { SecureContextOptions } from 'node:tls';

/** By what a server is known, and whom it takes. Everything is PEM. */
export interface TlsOptions {
  /** The server's certificate and those that it depends on. */
  readonly cert: string;
  readonly key: string;
  /** Takes only clients with a certificate by one of these. */
  readonly clientCa?: string;
}

/** Milliseconds that a client has to come to terms. */
export const HANDSHAKE_MS = 10_000;

/** OpenSSL takes an empty text for none: a server without a certificate, or any client of a public authority. */
function checkPem(name: keyof TlsOptions, text: string): void {
  if (text.includes('-----BEGIN ')) return;
  throw new Error(`tls.${name}: expected PEM, got ${text === '' ? 'nothing' : 'something else'}`);
}

/** @throws Error for what is no PEM */
export function secureContext({ cert, key, clientCa }: TlsOptions): SecureContextOptions {
  checkPem('cert', cert);
  checkPem('key', key);
  if (clientCa !== undefined) checkPem('clientCa', clientCa);
  return {
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    minVersion: 'TLSv1.2',
  };
}
