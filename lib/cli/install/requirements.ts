import { existsSync, readFileSync } from 'node:fs';

import { libc } from '../machine/libc';

/** What a provider needs of the machine and does not find. */
export interface Missing {
  readonly problem: string;
  readonly remedy: string;
}

/** The first driver for CUDA 13 (CUDA's release notes). */
const firstDriver = 580;

/** Exported for its test: the major version in /proc/driver/nvidia/version. */
export function driverVersion(text: string): number | undefined {
  const version = /Kernel Module\D*?(?:for \S+\s+)?(\d+)\.\d+/.exec(text)?.[1];
  return version === undefined ? undefined : Number(version);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function nvidia(): Missing[] {
  const driver = driverVersion(read('/proc/driver/nvidia/version') ?? '');
  if (driver !== undefined && driver >= firstDriver) return [];
  const needed = `NVIDIA's driver ${firstDriver} or newer, for CUDA 13`;
  return driver === undefined
    ? [{ problem: "no driver of NVIDIA's is loaded", remedy: `install ${needed}` }]
    : [{ problem: `NVIDIA's driver is ${driver}`, remedy: `install ${needed}` }];
}

function intel(): Missing[] {
  const vendor = /^vendor_id\s*:\s*(\S+)/m.exec(read('/proc/cpuinfo') ?? '')?.[1];
  if (vendor === undefined || vendor === 'GenuineIntel') return [];
  const problem = `OpenVINO's provider lists devices of Intel's alone; this processor is by ${vendor}`;
  return [{ problem, remedy: "use it on a machine with a processor or GPU of Intel's" }];
}

/** What drivers put there: the kernel's own, NVIDIA's and Windows' for Linux. */
const gpus = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'];

function graphics(): Missing[] {
  if (process.platform !== 'linux' || gpus.some(existsSync)) return [];
  const problem = `there is none of ${gpus.join(', ')}, so that the provider will find no GPU`;
  const inContainer = 'in a container, pass the device on (docker run --device /dev/dri)';
  return [{ problem, remedy: `install the GPU's driver; ${inContainer}` }];
}

function glibc(): Missing[] {
  if (process.platform !== 'linux') return [];
  const { name, version } = libc();
  if (name === 'glibc' && Number(version?.split('.')[1]) >= 28) return [];
  const found = [name, version].filter(Boolean).join(' ');
  const problem = `its libraries need glibc 2.28 or newer; this is ${found}`;
  return [{ problem, remedy: 'use a newer system, or an image with glibc' }];
}

const checks: Readonly<Record<string, () => Missing[]>> = {
  cuda: nvidia,
  openvino: intel,
  webgpu: graphics,
};

/** What a provider lacks here; nothing if it can be expected to work. */
export function missingFor(provider: string): Missing[] {
  return [...glibc(), ...(checks[provider]?.() ?? [])];
}
