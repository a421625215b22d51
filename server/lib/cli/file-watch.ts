import { statSync } from 'node:fs';

const POLL_MS = 1000;

/**
 * Calls a function when one of some files has changed and then stood still from one look to the next, as
 * a pair of certificate and key is written one after the other. Keeps no process alive.
 */
export function watchFiles(files: readonly string[], changed: () => void): void {
  if (files.length === 0) return;
  let before = stateOf(files);
  let isPending = false;
  setInterval(() => {
    const now = stateOf(files);
    if (now !== before) isPending = true;
    else if (isPending) {
      isPending = false;
      changed();
    }
    before = now;
  }, POLL_MS).unref();
}

const stateOf = (files: readonly string[]): string =>
  files
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return found === undefined ? '' : `${found.ino} ${found.size} ${found.mtimeMs}`;
    })
    .join('\n');
