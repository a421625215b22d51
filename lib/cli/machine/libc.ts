import { readdirSync } from 'node:fs';

/** The C library, which decides whose binaries can be loaded. */
export interface Libc {
  name: 'glibc' | 'musl' | 'system' | 'unknown';
  version?: string;
}

function hasMuslLoader(): boolean {
  try {
    return readdirSync('/lib').some((file) => file.startsWith('ld-musl-'));
  } catch {
    return false;
  }
}

export function libc(): Libc {
  if (process.platform !== 'linux') return { name: 'system' };
  const { report } = process;
  // Otherwise the report looks up the name of every peer of every socket.
  (report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  if (header?.glibcVersionRuntime) return { name: 'glibc', version: header.glibcVersionRuntime };
  return { name: hasMuslLoader() ? 'musl' : 'unknown' };
}
