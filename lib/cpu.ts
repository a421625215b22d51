import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Features that the runtimes' kernels choose by; undefined where this cannot be told. */
export type CpuFeatures = Record<string, boolean | undefined>;

/** Our name and the flag of /proc/cpuinfo. */
const X64_FLAGS = {
  AVX2: 'avx2',
  'AVX-512': 'avx512f',
  AVX512_VNNI: 'avx512_vnni',
  AVX_VNNI: 'avx_vnni',
  'AMX int8': 'amx_int8',
};
const ARM_FLAGS = { 'NEON dot product': 'asimddp', i8mm: 'i8mm', 'NEON fp16': 'asimdhp' };

/** Our name and macOS's, for Apple's and for Intel's processors. */
const DARWIN_ARM = {
  'NEON dot product': 'hw.optional.arm.FEAT_DotProd',
  i8mm: 'hw.optional.arm.FEAT_I8MM',
  'NEON fp16': 'hw.optional.arm.FEAT_FP16',
};
const DARWIN_X64 = { AVX2: 'hw.optional.avx2_0', 'AVX-512': 'hw.optional.avx512f' };

function each(
  names: Readonly<Record<string, string>>,
  has: (flag: string) => boolean | undefined,
): CpuFeatures {
  return Object.fromEntries(Object.entries(names).map(([name, flag]) => [name, has(flag)]));
}

/** Exported for its test: the flags of the first processor in /proc/cpuinfo. */
export function parseCpuinfo(content: string): ReadonlySet<string> {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(content)?.[1] ?? '';
  return new Set(line.trim().split(/\s+/).filter(Boolean));
}

function linuxFlags(): (flag: string) => boolean | undefined {
  try {
    const flags = parseCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'));
    return (flag) => (flags.size === 0 ? undefined : flags.has(flag));
  } catch {
    return () => undefined;
  }
}

function sysctl(name: string): boolean | undefined {
  try {
    const value = execFileSync('/usr/sbin/sysctl', ['-n', name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return value.trim() === '1';
  } catch {
    return undefined;
  }
}

/** Empty on processors that the runtimes have no special kernels for. */
export function cpuFeatures(): CpuFeatures {
  const arm = process.arch === 'arm64';
  if (!arm && process.arch !== 'x64') return {};
  if (process.platform === 'darwin') return each(arm ? DARWIN_ARM : DARWIN_X64, sysctl);
  const names = arm ? ARM_FLAGS : X64_FLAGS;
  return each(names, process.platform === 'linux' ? linuxFlags() : () => undefined);
}

export function cpuModel(): string {
  const model = cpus()[0]?.model.trim() ?? '';
  return model === '' ? 'unknown' : model;
}

/** What processors multiply 8-bit integers by, the fastest of each family first. */
export type Int8Kind =
  'AMX' | 'AVX512-VNNI' | 'AVX-VNNI' | 'AVX2' | 'i8mm' | 'dot product' | 'none' | 'unknown';

export interface Int8Support {
  /** AVX2 is that of processors with AVX-512 but without VNNI, too. */
  readonly kind: Int8Kind;
  /**
   * Pairs of products of uint8 and int8 are added in 16 bits, where they may saturate: results are
   * not those of other processors. Undefined where this cannot be told.
   */
  readonly saturates?: boolean;
  /** Why the kind is unknown. */
  readonly reason?: string;
}

const unknownSupport = (reason: string): Int8Support => ({ kind: 'unknown', reason });

function x64Support(features: CpuFeatures): Int8Support {
  const exact = (kind: Int8Kind): Int8Support => ({ kind, saturates: false });
  if (features['AMX int8']) return exact('AMX');
  if (features['AVX512_VNNI']) return exact('AVX512-VNNI');
  if (features['AVX_VNNI']) return exact('AVX-VNNI');
  if (features['AVX2'] === undefined)
    return unknownSupport('the system does not tell AVX2 to programs');
  // macOS names no VNNI; of its processors only some with AVX-512 have it.
  if (features['AVX-512'] && features['AVX512_VNNI'] === undefined) {
    return unknownSupport('the system tells AVX-512, not whether it has VNNI');
  }
  return { kind: features['AVX2'] ? 'AVX2' : 'none', saturates: true };
}

function armSupport(features: CpuFeatures): Int8Support {
  const exact = (kind: Int8Kind): Int8Support => ({ kind, saturates: false });
  if (features['i8mm']) return exact('i8mm');
  const dotProduct = features['NEON dot product'];
  if (dotProduct === undefined)
    return unknownSupport("the system does not tell its processor's features");
  return exact(dotProduct ? 'dot product' : 'none');
}

/** How this processor, or another whose features are given, computes with 8-bit integers. */
export function int8Support(
  features: CpuFeatures = cpuFeatures(),
  arch: string = process.arch,
): Int8Support {
  if (arch === 'x64') return x64Support(features);
  if (arch === 'arm64') return armSupport(features);
  return unknownSupport(`the runtimes have no kernels for ${arch}`);
}
