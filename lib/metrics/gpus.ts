import { promiseJob } from '../engine/addon/jobs';
import { addonPath, native } from '../engine/addon/native';

/** One GPU at one moment; what the driver does not say is left out. */
export interface GpuSample {
  readonly uuid: string;
  readonly name: string;
  readonly totalBytes?: number;
  readonly usedBytes?: number;
  /** Of the driver's last sampling period, 0 to 1. */
  readonly utilization?: number;
  readonly memoryUtilization?: number;
}

/** Nobody waits longer than so for a driver that takes its time. */
const patienceMs = 500;

let latest: readonly GpuSample[] = [];
let isAbsent = false;
let sampling: Promise<void> | undefined;

/** As they were when they were last asked, nothing where there is no library. */
export function latestGpus(): readonly GpuSample[] {
  return latest;
}

/**
 * Asks the GPUs on a thread of its own, unless that is being done; resolves when the answer is
 * there or has been waited for long enough. Does nothing before the addon is loaded, and
 * nothing ever again once NVIDIA's library is known to be missing.
 */
export async function sampleGpus(): Promise<void> {
  const library = libraryName();
  if (isAbsent || library === '' || addonPath() === undefined) return;
  sampling ??= sample(library).finally(() => {
    sampling = undefined;
  });
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([sampling, patience]);
  clearTimeout(timer);
}

async function sample(library: string): Promise<void> {
  try {
    const { result } = promiseJob<(string | number)[]>((id) => {
      native().sampleGpus(id, library);
    });
    latest = decode(await result);
  } catch {
    // There is no library, no driver or no device: an ordinary machine.
    isAbsent = true;
    latest = [];
  }
}

/** Empty where there is none. ONLITE_NVML_PATH names another file; empty: do not look. */
function libraryName(): string {
  const given = process.env['ONLITE_NVML_PATH'];
  if (given !== undefined) return given;
  if (process.platform === 'linux') return 'libnvidia-ml.so.1';
  return process.platform === 'win32' ? 'nvml.dll' : '';
}

function decode(values: readonly (string | number)[]): GpuSample[] {
  const samples: GpuSample[] = [];
  for (let at = 0; at + 5 < values.length; at += 6) {
    const [uuid = '', name = '', total, used, busy, memoryBusy] = values.slice(at, at + 6);
    samples.push({
      uuid: String(uuid),
      name: String(name),
      ...known('totalBytes', total, 1),
      ...known('usedBytes', used, 1),
      ...known('utilization', busy, 100),
      ...known('memoryUtilization', memoryBusy, 100),
    });
  }
  return samples;
}

function known<Key extends string>(
  key: Key,
  value: string | number | undefined,
  divisor: number,
): Partial<Record<Key, number>> {
  if (typeof value !== 'number' || value < 0) return {};
  return { [key]: value / divisor } as Partial<Record<Key, number>>;
}
