import { release } from 'node:os';

/** Version of glibc that this process runs on, or null (musl, or not Linux). */
export function glibcVersion() {
  if (process.platform !== 'linux' || !process.report) return null;
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ?? null;
}

/** Why a choice that `needs` something of the system is not for this machine; null when it is. */
export function unmetNeed(needs) {
  if (needs?.glibc) {
    const found = glibcVersion();
    if (found === null || isOlder(found, needs.glibc)) {
      return `needs glibc ${needs.glibc} or later, this system has ${found ?? 'none'}`;
    }
  }
  if (needs?.darwin && isOlder(release(), needs.darwin)) {
    return `needs macOS 15.2 (Darwin ${needs.darwin}) or later, this is Darwin ${release()}`;
  }
  return null;
}

function isOlder(found, wanted) {
  const left = found.split('.').map(Number);
  const right = wanted.split('.').map(Number);
  for (let index = 0; index < right.length; index++) {
    if ((left[index] ?? 0) !== right[index]) return (left[index] ?? 0) < right[index];
  }
  return false;
}
