import { chmodSync } from 'node:fs';

import { findProgram, run } from '../lib/process.mjs';
import { anotherFolder, checkPrograms, npmInstall } from './checks.mjs';

async function oddPath(project, { url }) {
  const odd = anotherFolder(project, "It's a #% folder, ünïcode");
  await npmInstall(odd, url);
  await checkPrograms(odd);
}

/** Runs "$@" as nobody, where nothing below / and the folder $0 can be written. */
export const readOnly = `
  mount --make-rprivate /
  mount --bind "$0" "$0"
  mount -o remount,bind,ro "$0"
  mount -o remount,bind,ro /
  exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
`;

const tools = ['unshare', 'mount', 'setpriv'];

/** Why {@link checkReadOnly} cannot be called here, if so. */
export function whyNotReadOnly() {
  const isPossible = process.getuid?.() === 0 && tools.every((name) => findProgram(name) !== null);
  return isPossible ? undefined : `needs root and ${tools.join(', ')}`;
}

/** Runs the project's programs as nobody, where nothing can be written. */
export async function checkReadOnly({ root, folder, node }) {
  chmodSync(root, 0o755);
  const restricted = ['--mount', 'sh', '-euc', readOnly, root, node];
  const env = { PATH: process.env.PATH, HOME: '/nonexistent' };
  const write = `
    for (const folder of ['.', '/', require('os').tmpdir()]) {
      try { require('fs').mkdtempSync(folder + '/x-'); } catch { continue; }
      throw new Error(folder + ' can be written to');
    }
  `;
  await run('unshare', [...restricted, '-e', write], { cwd: folder, env });
  await checkPrograms({ folder, env, node: 'unshare' }, (file) => [...restricted, file]);
}

async function readOnlyAsNobody(project, { url }) {
  const why = whyNotReadOnly();
  if (why !== undefined) return why;
  await npmInstall(project, url);
  await checkReadOnly(project);
}

export const surroundingsCases = {
  'odd path': oddPath,
  'read-only as nobody': readOnlyAsNobody,
};
