// What a process and its children take, by Linux's /proc: the same way for every server.
import { readFileSync, readdirSync } from 'node:fs';

import { output } from '../harness/command.mjs';
import { Skip } from '../harness/skip.mjs';

/** Nanoseconds of a tick of utime and stime. */
const tickNanoseconds = () => 1e9 / Number(output('getconf', ['CLK_TCK']) ?? 100);

export function needProc() {
  if (process.platform !== 'linux') throw new Skip('the CPU time of servers is read from /proc');
}

function children(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const own = tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean),
  );
  return own.flatMap((child) => [child, ...children(child)]);
}

/** A process and all that it has started. */
export const treeOf = (pid) => [String(pid), ...children(pid)];

/** The user and system time of a process in ticks, after its name, which may hold anything. */
function ticksOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** What processes have taken up to now; for `cpuBetween`. */
export function cpuTimes(pids) {
  const threads = new Map();
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [running] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      threads.set(thread, Number(running));
    }
  }
  return { threads, ticks: pids.reduce((sum, pid) => sum + ticksOf(pid), 0) };
}

/**
 * Nanoseconds of CPU time, user and system, between two `cpuTimes`: the scheduler's own count of each thread;
 * in ticks of mostly 10 ms where a thread has ended meanwhile and took its count with it.
 */
export function cpuBetween(before, after) {
  if ([...before.threads.keys()].some((thread) => !after.threads.has(thread))) {
    return (after.ticks - before.ticks) * tickNanoseconds();
  }
  let sum = 0;
  for (const [thread, time] of after.threads) sum += time - (before.threads.get(thread) ?? 0);
  return sum;
}

/** Bytes of processes that are resident. */
export function residentBytes(pids) {
  const kilobytes = (pid) =>
    Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  return pids.reduce((sum, pid) => sum + kilobytes(pid) * 1024, 0);
}
