import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** What a container may use; undefined where there is no limit. */
export interface CgroupLimits {
  version: 1 | 2;
  /** In processors, e.g. 1.5. */
  cpus?: number;
  memoryBytes?: number;
}

type ReadText = (file: string) => string | undefined;

const readText: ReadText = (file) => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** cgroup v1 says "no limit" with a number near 2^63. */
const NO_LIMIT = 2 ** 60;

const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/** The folder of our group and its parents: a limit of any of them holds. */
function ancestors(mount: string, group: string): string[] {
  const folders = [mount];
  let folder = mount;
  for (const part of group.split('/').filter((item) => item !== '' && item !== '..')) {
    folder = posix.join(folder, part);
    folders.push(folder);
  }
  return folders;
}

function quota(quotaText: string | undefined, periodText: string | undefined): number | undefined {
  const value = Number(quotaText) / Number(periodText);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

function memory(text: string | undefined): number | undefined {
  const value = Number(text ?? NaN);
  return Number.isFinite(value) && value < NO_LIMIT ? value : undefined;
}

function limits(version: 1 | 2, cpus?: number, memoryBytes?: number): CgroupLimits {
  return {
    version,
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
}

/**
 * The limits of the control group that this process is in; undefined where there are no groups.
 *
 * @param read - reads a file, or gives undefined; for tests
 */
export function cgroupLimits(read: ReadText = readText): CgroupLimits | undefined {
  const groups = read('/proc/self/cgroup');
  if (groups === undefined) return undefined;
  const root = '/sys/fs/cgroup';
  let cpus: number | undefined;
  let bytes: number | undefined;
  if (read(`${root}/cgroup.controllers`) !== undefined) {
    const group = /^0::(.*)$/m.exec(groups)?.[1] ?? '/';
    for (const folder of ancestors(root, group)) {
      const [limit, period] = (read(`${folder}/cpu.max`) ?? '').split(/\s+/);
      cpus = smaller(cpus, quota(limit, period));
      bytes = smaller(bytes, memory(read(`${folder}/memory.max`)));
    }
    return limits(2, cpus, bytes);
  }
  const groupOf = (controller: string): string =>
    new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, 'm').exec(groups)?.[1] ?? '/';
  for (const folder of ancestors(`${root}/cpu`, groupOf('cpu'))) {
    cpus = smaller(
      cpus,
      quota(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)),
    );
  }
  for (const folder of ancestors(`${root}/memory`, groupOf('memory'))) {
    bytes = smaller(bytes, memory(read(`${folder}/memory.limit_in_bytes`)));
  }
  return limits(1, cpus, bytes);
}
