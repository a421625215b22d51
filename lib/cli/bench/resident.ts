import { readFileSync } from 'node:fs';

/**
 * The most memory that was ever resident, in bytes. On Linux not from getrusage, whose figure a new
 * process takes over from the one that started it.
 */
export function peakResident(): number {
  try {
    const line = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (line) return Number(line[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

export const resident = (): number => process.memoryUsage.rss();
