import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { distributions } from '../../../lib/cli/install/packages';
import { unpackPackages } from '../../../lib/cli/install/pip';
import { driverVersion } from '../../../lib/cli/install/requirements';

const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

it.runIf(hasPip)('no file with another checksum is taken', async () => {
  const [wanted] = distributions['webgpu']?.['linux-x64']?.packages ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'onlite-install-'));
  try {
    const packages = [{ ...wanted!, sha256: '0'.repeat(64) }];
    await expect(unpackPackages(packages, 'linux-x64', folder)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_UNAVAILABLE',
    });
    expect(existsSync(join(folder, 'files'))).toBe(false);
    expect(readdirSync(join(folder, 'temporary'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('the version of NVIDIA’s driver is told by the kernel', () => {
  const lines = [
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024',
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder)',
    '',
  ];
  expect(lines.map(driverVersion)).toEqual([535, 580, undefined]);
});
