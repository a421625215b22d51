import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { cpuFeatures, int8Support, parseCpuinfo, type CpuFeatures } from '../../lib/cpu';

const x64 = (features: CpuFeatures) => int8Support(features, 'x64');
const arm = (features: CpuFeatures) => int8Support(features, 'arm64');
const noVnni = { AVX512_VNNI: false, AVX_VNNI: false, 'AMX int8': false };

describe('int8Support', () => {
  it('names the fastest that a processor has', () => {
    const all = { AVX2: true, 'AVX-512': true, AVX512_VNNI: true, AVX_VNNI: true };
    expect(x64({ ...all, 'AMX int8': true })).toEqual({ kind: 'AMX', saturates: false });
    expect(x64({ ...all, 'AMX int8': false })).toEqual({ kind: 'AVX512-VNNI', saturates: false });
    expect(x64({ ...noVnni, AVX2: true, AVX_VNNI: true }).kind).toBe('AVX-VNNI');
    expect(arm({ i8mm: true, 'NEON dot product': true }).kind).toBe('i8mm');
    expect(arm({ i8mm: false, 'NEON dot product': true }).kind).toBe('dot product');
    expect(arm({ i8mm: false, 'NEON dot product': false })).toEqual({
      kind: 'none',
      saturates: false,
    });
  });

  it('says which saturate', () => {
    expect(x64({ ...noVnni, AVX2: true, 'AVX-512': true })).toEqual({
      kind: 'AVX2',
      saturates: true,
    });
    expect(x64({ ...noVnni, AVX2: false, 'AVX-512': false })).toEqual({
      kind: 'none',
      saturates: true,
    });
  });

  it('says why it cannot tell', () => {
    const unknown = { kind: 'unknown', reason: expect.any(String) as string };
    expect(x64({ AVX2: undefined, 'AVX-512': undefined })).toEqual(unknown);
    expect(arm({ i8mm: undefined, 'NEON dot product': undefined })).toEqual(unknown);
    expect(int8Support({}, 'riscv64')).toEqual(unknown);
    // As macOS tells them on Intel's processors.
    expect(x64({ AVX2: true, 'AVX-512': true })).toEqual(unknown);
    expect(x64({ AVX2: true, 'AVX-512': false }).kind).toBe('AVX2');
  });

  it.runIf(process.platform === 'linux')('is as the kernel has it on this processor', () => {
    const flags = parseCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'));
    expect(cpuFeatures()).not.toEqual({});
    const { kind } = int8Support();
    expect(kind === 'AMX').toBe(flags.has('amx_int8'));
    if (kind === 'AVX512-VNNI') expect(flags).toContain('avx512_vnni');
    if (kind === 'AVX2') expect(flags).not.toContain('avx512_vnni');
  });
});
