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

export const secureContext = ({ cert, key, clientCa }: TlsOptions): SecureContextOptions => ({
  cert,
  key,
  ...(clientCa !== undefined && { ca: clientCa }),
  minVersion: 'TLSv1.2',
});
