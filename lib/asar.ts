import { existsSync } from 'node:fs';

/**
 * Where a file of an Electron app really lies. An app is packed into archives such as `app.asar`, from which
 * only Electron's own `fs` can read; what the system is to open (libraries, addons, models that
 * are given by path) is left out of them, in a folder `app.asar.unpacked` beside.
 *
 * @returns the path in that folder, for each archive on the way that has one; else the path as it is
 */
export function unpackedPath(path: string): string {
  return path.replace(/\.asar(?=[\\/]|$)/gi, (extension, offset: number) => {
    const unpacked = `${extension}.unpacked`;
    return existsSync(path.slice(0, offset) + unpacked) ? unpacked : extension;
  });
}
