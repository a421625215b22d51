import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { cgroupLimits } from '../../../lib/cli/machine/cgroup';
import { parseCpuinfo } from '../../../lib/cpu';
import { buildFeeds } from '../../../lib/cli/feeds';
import { safeFileName, uniqueFileNames } from '../../../lib/cli/run/file-names';
import { random } from '../../../lib/cli/feeds/generate';
import { tensorFromJson } from '../../../lib/cli/feeds/json-tensor';
import type { Machine } from '../../../lib/cli/machine';
import { byteSize, grouped, printable, table, toJson } from '../../../lib/cli/output';
import { findProblems } from '../../../lib/cli/doctor/problems';
import { tensorStatistics } from '../../../lib/cli/run/statistics';
import { Tensor } from '../../../lib/engine/tensor/tensor';
import type { TensorValueMetadata } from '../../../lib/engine/session/metadata';
import type { RuntimeInfo } from '../../../lib/engine/runtime/runtime-info';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-args-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

describe('file names', () => {
  it.each([
    ['scores', 'scores'],
    ['../../etc/passwd', '__.._etc_passwd'],
    ['/abs', '_abs'],
    ['C:\\x', 'C__x'],
    ['..', '_'],
    ['', '_'],
    ['CON', '_CON'],
    ['a:0', 'a_0'],
    ['é\u0000', '__'],
  ])('%j is written as %s', (name, expected) => {
    expect(safeFileName(name)).toBe(expected);
  });

  it('never collide, not even where case does not count', () => {
    const names = uniqueFileNames(['a/b', 'a:b', 'A_B', 'a_b-2', 'x'.repeat(300), 'x'.repeat(400)]);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(names.every((name) => !/[/\\:]/.test(name))).toBe(true);
  });
});

describe('generated inputs', () => {
  it('depend on seed and name only', () => {
    const data = (name: string, seed: number): number[] =>
      Array.from(random(name, 'float32', [8], seed).data as Float32Array);
    expect(data('x', 1)).toEqual(data('x', 1));
    expect(data('x', 1)).not.toEqual(data('x', 2));
    expect(data('x', 1)).not.toEqual(data('y', 1));
  });

  it('are in range', () => {
    const floats = Array.from(random('x', 'float32', [1000], 0).data as Float32Array);
    expect(floats.every((value) => value >= 0 && value < 1)).toBe(true);
    const bools = new Set(random('x', 'bool', [100], 0).data as Uint8Array);
    expect([...bools].sort()).toEqual([0, 1]);
    const bytes = Array.from(random('x', 'int8', [2000], 0).data as Int8Array);
    expect(Math.min(...bytes)).toBeLessThan(-100);
    expect(Math.max(...bytes)).toBeGreaterThan(100);
  });
});

describe('--input and --shape', () => {
  const x: TensorValueMetadata = { name: 'x', isTensor: true, type: 'float32', shape: ['n', 2] };
  const y: TensorValueMetadata = { name: 'y=z', isTensor: true, type: 'int64', shape: [1] };
  const build = (inputs: string[], shapes: string[] = []) => buildFeeds([x, y], { inputs, shapes });
  const json = path.join(scratch, 'a=b.json');
  writeFileSync(json, '[[1, 2], [3, 4]]');

  it('feeds by name, names and paths with = included', async () => {
    const feeds = await build([`x=${json}`, 'y=z=zeros']);
    expect(feeds['x']?.dims).toEqual([2, 2]);
    expect(feeds['y=z']?.dims).toEqual([1]);
  });

  it('fills what is left', async () => {
    const feeds = await build([`x=${json}`, 'random:5']);
    expect(Object.keys(feeds)).toEqual(['x', 'y=z']);
  });

  it('needs a shape for dynamic dims', async () => {
    await expect(build(['zeros'])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect((await build(['zeros'], ['x=3,2']))['x']?.dims).toEqual([3, 2]);
  });

  it.each([
    [['x=zeros', 'x=zeros', 'y=z=zeros']],
    [['x=zeros']],
    [['q=zeros']],
    [[json]],
    [['x=none.npy', 'y=z=zeros']],
    [['x=random:a', 'y=z=zeros']],
  ])('refuses %j', async (inputs) => {
    await expect(build(inputs, ['x=1,2'])).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});

describe('JSON tensors', () => {
  it('have the dims of their nesting', () => {
    expect(tensorFromJson([[1], [2], [3]], 'int32', 'x').dims).toEqual([3, 1]);
    expect(tensorFromJson(5, 'int64', 'x').dims).toEqual([]);
    const wide = tensorFromJson(['9223372036854775807'], 'int64', 'x').data as BigInt64Array;
    expect(wide[0]).toBe(2n ** 63n - 1n);
    expect(tensorFromJson({ data: [1, 2], dims: [1, 2] }, 'float32', 'x').dims).toEqual([1, 2]);
  });

  it.each([[[[1], [1, 2]]], [[[1], 2]], [['a']], [null]])('refuses %j', (value) => {
    expect(() => tensorFromJson(value, 'float32', 'x')).toThrow(/^x: /);
  });
});

describe('output', () => {
  it('aligns columns and shows control characters', () => {
    expect(
      table(
        [
          ['a', '1'],
          ['long\u001b[31m', '22'],
        ],
        { right: [1], indent: 0 },
      ),
    ).toBe('a                1\nlong\\u001b[31m  22');
    expect(printable('a\u202eb')).toBe('a\\u202eb');
  });

  it('writes sizes and numbers', () => {
    expect(grouped(1234567)).toBe('1,234,567');
    expect(byteSize(1536)).toBe('1.5 KiB');
    expect(toJson({ a: 5n, b: 2n ** 63n })).toBe('{\n  "a": 5,\n  "b": "9223372036854775808"\n}');
  });

  it('counts NaN apart', () => {
    const tensor = new Tensor('float32', [1, NaN, 3]);
    expect(tensorStatistics(tensor)).toMatchObject({ min: 1, max: 3, mean: 2, nan: 1 });
  });
});

describe('the machine', () => {
  const reader = (files: Record<string, string>) => (file: string) => files[file];

  it('reads cgroup v2 limits, those of parents too', () => {
    const files = {
      '/proc/self/cgroup': '0::/a/b',
      '/sys/fs/cgroup/cgroup.controllers': 'cpu memory',
      '/sys/fs/cgroup/a/cpu.max': '150000 100000',
      '/sys/fs/cgroup/a/b/cpu.max': 'max 100000',
      '/sys/fs/cgroup/a/b/memory.max': '1048576',
    };
    expect(cgroupLimits(reader(files))).toEqual({ version: 2, cpus: 1.5, memoryBytes: 1048576 });
  });

  it('reads cgroup v1 limits', () => {
    const files = {
      '/proc/self/cgroup': '4:memory:/m\n3:cpu,cpuacct:/c',
      '/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us': '50000',
      '/sys/fs/cgroup/cpu/c/cpu.cfs_period_us': '100000',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    };
    expect(cgroupLimits(reader(files))).toEqual({ version: 1, cpus: 0.5 });
  });

  it('reads processor flags of both architectures', () => {
    expect(parseCpuinfo('model\t: x\nflags\t\t: fpu avx2\n').has('avx2')).toBe(true);
    expect(parseCpuinfo('Features\t: fp asimddp i8mm\n').has('i8mm')).toBe(true);
  });

  const machine: Machine = {
    node: '20.1.0',
    platform: 'linux',
    arch: 'x64',
    libc: { name: 'musl' },
    cpu: { model: 'x', cores: 8, availableParallelism: 8, features: {}, int8: { kind: 'none' } },
    memoryBytes: 1,
    cgroup: { version: 2, cpus: 2 },
  };
  const absent = { loaded: false, providers: [], devices: [], tried: [], ownLibraries: [] };
  const info: RuntimeInfo = {
    onlite: '0',
    addon: 'x',
    node: '20.1.0',
    napi: '9',
    executorThreads: 8,
    lostThreads: 0,
    runtimes: { onnxruntime: absent, tflite: absent },
  };
  const runtimes = { onnxruntime: absent, tflite: absent };

  it('has a remedy for each problem, errors first', () => {
    const problems = findProblems(machine, { addon: info, runtimes });
    expect(problems.map(({ severity }) => severity)).toEqual([
      'error',
      'error',
      'warning',
      'warning',
    ]);
    expect(problems.every(({ remedy }) => remedy.length > 10)).toBe(true);
    expect(problems.some(({ remedy }) => remedy.includes('intraOpNumThreads: 2'))).toBe(true);
  });

  it('warns of an old TensorFlow Lite only', () => {
    const tflite = { ...absent, loaded: true, version: '2.9.1' };
    const problems = findProblems(
      { ...machine, libc: { name: 'glibc', version: '2.36' }, cgroup: { version: 2 } },
      { addon: info, runtimes: { onnxruntime: { ...absent, loaded: true }, tflite } },
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]?.problem).toContain('2.9.1');
  });

  it('reports an addon that cannot be loaded', () => {
    expect(findProblems(machine, { addon: { cause: 'unknown', message: 'x' } })[0]).toMatchObject({
      severity: 'error',
      cause: 'unknown',
    });
  });
});
