import { execFile } from 'node:child_process';

import { ownScript } from '../own-script';
import { probe, type ProbeReport, type ProbeRequest } from './probe';

/** To notice a hang. */
const timeout = 120_000;

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

function inChild(request: ProbeRequest): Promise<ProbeReport> {
  const script = ownScript('doctor/probe-process.js');
  return new Promise((resolve, reject) => {
    if (script === undefined) throw new Error('onlite is bundled');
    const args = [...process.execArgv, script, JSON.stringify(request)];
    execFile(process.execPath, args, { timeout, encoding: 'utf8' }, (error, stdout) => {
      try {
        resolve(JSON.parse(lastLine(stdout)) as ProbeReport);
      } catch {
        const { signal, code } = error ?? {};
        if (signal) resolve({ failed: [`the process died of ${signal}`] });
        else if (typeof code === 'number')
          resolve({ failed: [`the process ended with exit code ${code}`] });
        else reject(error ?? new Error('the process gave no report'));
      }
    });
  });
}

/**
 * Tries it in a process of its own, which a broken library may end. Where none may be
 * started (Node's permission model) or there is no script for one, in this one.
 */
export async function tryOut(request: ProbeRequest): Promise<ProbeReport> {
  try {
    return await inChild(request);
  } catch {
    return probe(request);
  }
}
