import { chmodSync } from 'node:fs';

import { findProgram, run } from '../lib/process.mjs';
import { anotherFolder, checkPrograms, npmInstall } from './checks.mjs';

async function oddPath(project, { url }) {
  const odd = anotherFolder(project, "It's a #% folder, ünïcode");
  await npmInstall(odd, url);
  await checkPrograms(odd);
}

/** Runs "$@" as nobody, where nothing below / and the folder $0 can be written. */
const readOnly = `
  mount --make-rprivate /
  mount --bind "$0" "$0"
  mount -o remount,bind,ro "$0"
  mount -o remount,bind,ro /
  exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
`;

async function readOnlyAsNobody(project, { url }) {
  const programs = ['unshare', 'mount', 'setpriv'];
  if (process.getuid?.() !== 0 || programs.some((name) => findProgram(name) === null)) {
    return `needs root and ${programs.join(', ')}`;
  }
  await npmInstall(project, url);
  chmodSync(project.root, 0o755);
  const { root, folder, node } = project;
  const restricted = ['--mount', 'sh', '-euc', readOnly, root, node];
  const env = { PATH: process.env.PATH, HOME: '/nonexistent' };
  const write = `
    for (const folder of ['.', ${JSON.stringify(root)}, '/', require('os').tmpdir()]) {
      try { require('fs').mkdtempSync(folder + '/x-'); } catch { continue; }
      throw new Error(folder + ' can be written to');
    }
  `;
  await run('unshare', [...restricted, '-e', write], { cwd: folder, env });
  await checkPrograms({ folder, env, node: 'unshare' }, (file) => [...restricted, file]);
}

export const surroundingsCases = {
  'odd path': oddPath,
  'read-only as nobody': readOnlyAsNobody,
};
