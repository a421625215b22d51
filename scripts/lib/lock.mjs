import { randomBytes } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { SetupError } from './errors.mjs';

const POLL_MS = 200;
const ABANDONED_MS = 30 * 60 * 1000;

/**
 * Runs `work` while holding a lock file, so that set-ups started at the same time do the work
 * once. The lock of a process that has died is taken over; every file of a set-up is written by
 * rename, so even a lock lost to a power cut costs time only.
 *
 * @param {string} file the lock file; holds the owner's process id and host
 * @param {(message: string) => void} log told once when there is someone to wait for
 */
export async function withLock(file, log, work) {
  const mine = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(mine, JSON.stringify({ pid: process.pid, host: hostname() }));
  try {
    await acquire(file, mine, log);
  } finally {
    rmSync(mine, { force: true });
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function acquire(file, mine, log) {
  const deadline = Date.now() + ABANDONED_MS;
  let told = false;
  for (;;) {
    try {
      // A link appears with its content, unlike a file that is created and then written.
      linkSync(mine, file);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = readOwner(file);
    if (owner !== null && isAbandoned(owner)) {
      takeAway(file, owner, `${mine}.stale`);
      continue;
    }
    if (!told && owner !== null) log(`waiting for another set-up (process ${owner.pid})`);
    told = true;
    if (Date.now() > deadline) {
      throw new SetupError(
        'another set-up has held the lock for 30 minutes',
        `if no other set-up is running, delete ${file}`,
      );
    }
    await sleep(POLL_MS);
  }
}

function readOwner(file) {
  try {
    const text = readFileSync(file, 'utf8');
    const { pid, host } = JSON.parse(text);
    return { text, pid, host, since: statSync(file).mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    return { text: null, pid: 0, host: '', since: 0 };
  }
}

function isAbandoned(owner) {
  if (!Number.isInteger(owner.pid) || owner.pid <= 0) return true;
  if (owner.host !== hostname()) return Date.now() - owner.since > ABANDONED_MS;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Two waiters may both see a dead owner: the second must not remove the first one's new lock. */
function takeAway(file, owner, aside) {
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const taken = readOwner(aside);
  if (taken !== null && taken.text !== owner.text && !isAbandoned(taken)) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(aside, { force: true });
}
