import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TlsOptions } from '@onlite/server';

/** Node cannot make certificates. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** A certificate and its key as PEM, and their files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes certificates in a folder: by themselves, or by an authority. */
export function certificates(folder: string) {
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (name: string): Certificate => {
    const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    return {
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
      certFile,
      keyFile,
    };
  };
  const request = (name: string, out: string, ...more: string[]) =>
    openssl(
      'req',
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', `${name}.key`, '-out', out, '-subj', `/CN=${name}`, ...more],
    );
  return {
    authority(name: string): Certificate {
      request(name, `${name}.crt`, '-x509', '-days', '3');
      return read(name);
    },
    issued(name: string, by: string): Certificate {
      writeFileSync(join(folder, `${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
      request(name, `${name}.csr`, '-new');
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${by}.crt`,
        '-CAkey',
        `${by}.key`,
        '-CAcreateserial',
        '-days',
        '3',
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.crt`,
      );
      return read(name);
    },
  };
}

export const tlsOf = ({ cert, key }: Certificate): TlsOptions => ({ cert, key });
