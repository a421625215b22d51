import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What a package says of its libraries, in a `manifest.json` beside them. */
interface Manifest {
  files: Record<string, { bytes: number }>;
}

/**
 * Whether a file has another length than the package was published with. The checksums, which are
 * there too, are not looked at: each start would read tens of megabytes for them.
 *
 * @returns undefined if it has not, or there is no manifest beside it, as in a checkout.
 */
export function whyChanged(file: string): string | undefined {
  const published = publishedFile(file);
  if (published === undefined) return undefined;
  const { size } = statSync(file);
  if (size === published.bytes) return undefined;
  return `it has ${size} bytes and was published with ${published.bytes}`;
}

function publishedFile(file: string): Manifest['files'][string] | undefined {
  try {
    const text = readFileSync(join(dirname(file), 'manifest.json'), 'utf8');
    const { files } = JSON.parse(text) as Manifest;
    return Object.hasOwn(files, basename(file)) ? files[basename(file)] : undefined;
  } catch {
    return undefined;
  }
}
