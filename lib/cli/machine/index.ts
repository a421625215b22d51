import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

import { cpuFeatures, cpuModel, int8Support, type CpuFeatures, type Int8Support } from '../../cpu';
import { cgroupLimits, type CgroupLimits } from './cgroup';
import { libc, type Libc } from './libc';

export interface Machine {
  node: string;
  platform: string;
  arch: string;
  libc: Libc;
  cpu: {
    model: string;
    cores: number;
    availableParallelism: number;
    features: CpuFeatures;
    int8: Int8Support;
  };
  memoryBytes: number;
  cgroup?: CgroupLimits;
  /** A driver of NVIDIA is loaded; undefined where this cannot be told. */
  nvidiaDriver?: boolean;
}

function nvidiaDriver(): boolean | undefined {
  return process.platform === 'linux' ? existsSync('/proc/driver/nvidia/version') : undefined;
}

export function describeMachine(): Machine {
  const cgroup = cgroupLimits();
  const driver = nvidiaDriver();
  const features = cpuFeatures();
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    libc: libc(),
    cpu: {
      model: cpuModel(),
      cores: cpus().length,
      availableParallelism: availableParallelism(),
      features,
      int8: int8Support(features),
    },
    memoryBytes: totalmem(),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(driver === undefined ? {} : { nvidiaDriver: driver }),
  };
}
