// NVIDIA's management library. A machine without a GPU has none, so what onlite does with one is
// seen with a stand-in: a real shared library, compiled here, that exports the same functions and
// answers them with constants. It says nothing about NVIDIA's own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findCommand, valueOf } from './metrics-support';
import { root } from './support';

const source = `
#include <string.h>
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int gpu, memory; } Utilization;
static int started;
#ifdef NO_DRIVER
int nvmlInit_v2(void) { return 9; }
#else
int nvmlInit_v2(void) { started = 1; return 0; }
#endif
int nvmlDeviceGetCount_v2(unsigned int* count) { *count = 3; return started ? 0 : 1; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  if (index == 1) return 15; /* lost */
  *device = (void*)(unsigned long)(index + 1);
  return 0;
}
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = 85899345920ull;
  memory->used = (unsigned long)device * 1073741824ull;
  memory->free = memory->total - memory->used;
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, Utilization* use) {
  if ((unsigned long)device == 3) return 3; /* not supported */
  use->gpu = 37;
  use->memory = 5;
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned int length) {
  strncpy(text, "A \\"GPU\\"", length);
  return 0;
}
#ifndef NO_UUID
int nvmlDeviceGetUUID(void* device, char* text, unsigned int length) {
  strncpy(text, (unsigned long)device == 1 ? "GPU-1" : "GPU-3", length);
  return 0;
}
#endif
`;

/** The metrics of a process whose library is this one, as a handler gives them. */
function metricsWith(library: string): string {
  const script = `
    const { once } = require('node:events');
    const { runtimeInfo } = require('onlite');
    const { createHandler } = require('onlite/metrics');
    runtimeInfo(); // loads the addon
    const server = require('node:http').createServer(createHandler({ process: false }));
    server.listen(0, '127.0.0.1');
    once(server, 'listening').then(async () => {
      const answer = await fetch('http://127.0.0.1:' + server.address().port + '/metrics');
      process.stdout.write(await answer.text());
      server.close();
      server.closeAllConnections();
    });`;
  const env = { ...process.env, ONLITE_NVML_PATH: library };
  return String(execFileSync(process.execPath, ['-e', script], { cwd: root, env }));
}

describe('without the library', () => {
  it.each(['', '/no/such/library.so', path.join(root, 'package.json')])('%j', (library) => {
    const text = metricsWith(library);
    expect(text).toContain('onlite_pool_bytes');
    expect(text).not.toContain('onlite_gpu');
  });
});

const compiler =
  process.platform === 'linux' ? (findCommand('cc') ?? findCommand('gcc')) : undefined;

describe.skipIf(compiler === undefined)('with a library of its functions', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'onlite-nvml-'));
  const build = (name: string, ...flags: string[]): string => {
    const file = path.join(folder, name);
    const code = path.join(folder, 'nvml.c');
    execFileSync(compiler!, ['-shared', '-fPIC', '-w', ...flags, '-o', file, code]);
    return file;
  };
  beforeAll(() => writeFileSync(path.join(folder, 'nvml.c'), source));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('has memory and utilisation of each device that answers', () => {
    const text = metricsWith(build('good.so'));
    const first = { gpu: 'GPU-1', name: 'A \\"GPU\\"' };
    expect(valueOf(text, 'onlite_gpu_memory_bytes', { ...first, state: 'used' })).toBe(2 ** 30);
    expect(valueOf(text, 'onlite_gpu_memory_bytes', { ...first, state: 'free' })).toBe(
      79 * 2 ** 30,
    );
    expect(valueOf(text, 'onlite_gpu_utilization_ratio', first)).toBe(0.37);
    expect(valueOf(text, 'onlite_gpu_memory_utilization_ratio', first)).toBe(0.05);
    expect(valueOf(text, 'onlite_gpu_memory_bytes', { gpu: 'GPU-3', state: 'used' })).toBe(
      3 * 2 ** 30,
    );
    expect(text).not.toMatch(/utilization.*GPU-3/);
    expect(text).not.toContain('GPU-2');
  });

  it('has nothing when that lacks a function or does not start', () => {
    expect(metricsWith(build('no-uuid.so', '-DNO_UUID'))).not.toContain('onlite_gpu');
    expect(metricsWith(build('no-driver.so', '-DNO_DRIVER'))).not.toContain('onlite_gpu');
  });
});
