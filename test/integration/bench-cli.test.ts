import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import hdr from 'hdr-histogram-js';
import { afterAll, describe, expect, it } from 'vitest';

import { main, model, onlite } from './bench-support';
import type { CliResult } from './cli-support';

interface Percentile {
  percentile: number;
  value?: number;
  low?: number;
  high?: number;
  note?: string;
}

interface Setting {
  label: string;
  key: string;
  setting: { concurrency: number };
  model: { sha256: string };
  failed?: { code: string };
  measured?: {
    engine: string;
    executionProviders: string[];
    sessionConcurrency: number;
    inputs: { name: string; dims: number[] }[];
    load: { median: number };
    firstRun: { median: number };
    latency: { count: number; min: number; max: number; percentiles: Percentile[] };
    phases: Record<string, { count: number; p50: number } | undefined>;
    throughput: { runsPerSecond: number; itemsPerSecond?: number };
    cpu: { processors: number };
    memory: { before: number; loaded: number; peak: number };
    eventLoopDelay?: { p99: number };
    errors: Record<string, number>;
    processes: { blocks: { runs: number; p50: number; p99: number }[] }[];
    profile?: { operators?: { type: string; share: number }[]; unavailable?: string };
  };
}

interface Result {
  format: string;
  machine: { cpu: { model: string } };
  settings: Setting[];
  comparison?: { label: string; metrics: Record<string, { ratio: number }> }[];
  baseline?: { verdicts: { verdict: string; reasons: string[] }[] };
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-bench-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});
const file = (name: string): string => path.join(scratch, name);

const short = ['--runs', '40', '--processes', '2', '--warmup', '0', '--no-profile'];
const add = model('add4.onnx');

function bench(...args: string[]): Result {
  const { status, stdout, stderr } = onlite(['bench', ...args, ...short, '--json']);
  if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
  // There is no terminal here, so no progress.
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Result;
}

function measured(...args: string[]): NonNullable<Setting['measured']> {
  const [setting] = bench(...args).settings;
  return setting!.measured!;
}

describe('onlite bench', () => {
  it.each([
    ['add4.onnx', 'onnxruntime'],
    ['add4.tflite', 'tflite'],
  ])('measures %s', (name, engine) => {
    const result = measured(model(name));
    const { latency, phases, memory } = result;
    expect(result.engine).toBe(engine);
    expect(latency.count).toBe(40);
    const [p50, p90] = latency.percentiles;
    expect(p50!.value!).toBeGreaterThanOrEqual(latency.min);
    expect(p50!.low!).toBeLessThanOrEqual(p50!.value!);
    expect(p90!.value!).toBeGreaterThanOrEqual(p50!.value!);
    expect(latency.percentiles.at(-1)).toEqual({
      percentile: 99.9,
      note: 'needs more than 100,000 runs, there are 40',
    });
    for (const phase of ['queue', 'bind', 'invoke', 'fetch', 'total']) {
      expect(phases[phase]?.count).toBe(40);
    }
    // The addon's total lies within what JavaScript waits for.
    expect(phases['total']!.p50).toBeLessThanOrEqual(p50!.high! * 1.02);
    expect(memory.loaded).toBeGreaterThan(memory.before);
    expect(memory.peak).toBeGreaterThanOrEqual(memory.loaded);
    expect(result.load.median).toBeGreaterThan(0);
    expect(result.firstRun.median).toBeGreaterThan(0);
    expect(result.cpu.processors).toBeGreaterThan(0);
    expect(result.eventLoopDelay).toBeDefined();
    expect(result.processes.map(({ blocks }) => blocks.length)).toEqual([4, 4]);
  });

  it('compares models and settings side by side', () => {
    const { settings, comparison } = bench(add, model('add4.tflite'), '--concurrency', '1,3');
    expect(settings.map(({ setting }) => setting.concurrency)).toEqual([1, 3, 1, 3]);
    expect(settings[3]!.measured!.sessionConcurrency).toBe(Math.min(3, os.availableParallelism()));
    expect(comparison!.map(({ label }) => label)).toEqual([
      'add4.onnx, 3 in flight',
      'add4.tflite, 1 in flight',
      'add4.tflite, 3 in flight',
    ]);
    expect(comparison![0]!.metrics['p50']!.ratio).toBeGreaterThan(0);
  });

  it.each(['bind', 'sync'])('runs with --api %s', (api) => {
    for (const name of ['add4.onnx', 'add4.tflite', 'identity_string.onnx']) {
      expect(measured(model(name), '--api', api).latency.count).toBe(40);
    }
  });

  it('has no event-loop delay where the loop is blocked on purpose', () => {
    expect(measured(add, '--api', 'sync').eventLoopDelay).toBeUndefined();
  });

  it('runs an open loop', () => {
    for (const api of ['run', 'bind']) {
      const { latency, throughput } = measured(add, '--rate', '2000', '--api', api);
      expect(latency.count).toBe(40);
      expect(throughput.runsPerSecond).toBeGreaterThan(0);
    }
  });

  it('has the runs of a model with variables wait for each other', () => {
    const result = measured(model('accumulator.tflite'), '--concurrency', '4');
    expect([result.sessionConcurrency, result.latency.count]).toEqual([1, 40]);
  });

  it('sizes a batch', () => {
    const { inputs, throughput } = measured(model('mlp.onnx'), '--batch', '6');
    expect(inputs[0]!.dims[0]).toBe(6);
    expect(throughput.itemsPerSecond).toBeCloseTo(6 * throughput.runsPerSecond);
    expect(onlite(['bench', add, '--batch', '2', ...short]).status).toBe(2);
  });

  it('profiles the operators', () => {
    const args = ['bench', model('conv.onnx'), ...short.slice(0, -1), '--json'];
    const { settings } = JSON.parse(onlite(args).stdout) as Result;
    const { operators = [], unavailable } = settings[0]!.measured!.profile!;
    expect(unavailable).toBeUndefined();
    expect(operators.map(({ type }) => type)).toContain('Conv');
  });

  it('measures the others where one setting fails', () => {
    const args = ['bench', add, model('add4.tflite'), '--provider', 'cpu,none', ...short];
    const { status, stdout } = onlite([...args, '--json']);
    expect(status).toBe(1);
    const { settings } = JSON.parse(stdout) as Result;
    expect(settings.map(({ failed }) => failed?.code)).toEqual([
      undefined,
      'ERR_PROVIDER_UNAVAILABLE',
      undefined,
      'ERR_PROVIDER_UNAVAILABLE',
    ]);
    expect(onlite(args).stdout).toContain('Failed');
  });

  it('reports a process that dies, as a vendor’s kernel may have it, and goes on', () => {
    const deadly = file('deadly.cjs');
    // Only the measuring processes have a channel to a parent.
    writeFileSync(
      deadly,
      `if (process.send) process.prependOnceListener('message', ({ setting }) => {
        if (setting.model.endsWith('.tflite')) process.kill(process.pid, 'SIGKILL');
      });`,
    );
    const args = ['bench', model('add4.tflite'), add, ...short, '--json'];
    const { status, stdout } = onlite(args, { NODE_OPTIONS: `--require ${deadly}` });
    const { settings } = JSON.parse(stdout) as Result;
    expect([status, settings[0]!.failed?.code]).toEqual([1, 'ERR_RUN_FAILED']);
    expect(settings[1]!.measured!.latency.count).toBe(40);
  });

  it.each([
    [['bench'], 2, 'MODEL is missing'],
    [['bench', add, '--threads', 'many'], 2, '--threads'],
    [['bench', 'missing.onnx'], 1, 'ERR_MODEL_NOT_FOUND'],
    [['bench', add, '--baseline', 'missing.json'], 1, 'ERR_INVALID_ARGUMENT'],
    [['bench', add, '--report', '/missing/r.html', ...short], 1, '--report'],
  ])('ends %j with %i', (args, code, words) => {
    const { status, stderr } = onlite(args);
    expect([status, stderr.includes(words)]).toEqual([code, true]);
  });

  it('describes itself', () => {
    const { status, stdout } = onlite(['bench', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('Exit code: 0 measured');
    expect(onlite(['--help']).stdout).toContain('bench');
  });
});

describe('--baseline', () => {
  const saved = file('baseline.json');
  // So wide that only what the test changes counts, whatever else the machine does.
  const compare = (baseline: string): CliResult & { result: Result } => {
    const args = ['bench', add, ...short, '--baseline', baseline, '--tolerance', '900'];
    const done = onlite([...args, '--json']);
    return { ...done, result: JSON.parse(done.stdout) as Result };
  };
  const changed = (name: string, change: (result: Result) => void): string => {
    const result = JSON.parse(readFileSync(saved, 'utf8')) as Result;
    change(result);
    writeFileSync(file(name), JSON.stringify(result));
    return file(name);
  };
  const scaleBlocks = (factor: number) => (result: Result) => {
    for (const { blocks } of result.settings[0]!.measured!.processes) {
      for (const block of blocks) block.p50 *= factor;
    }
  };

  it('is an earlier result', () => {
    const { status } = onlite(['bench', add, ...short, '--save', saved]);
    expect([status, existsSync(saved)]).toEqual([0, true]);
    const { status: code, result } = compare(saved);
    expect(['same', 'unclear']).toContain(result.baseline!.verdicts[0]!.verdict);
    expect(code).toBe(0);
  });

  it('ends with 3 for a regression', () => {
    const { status, result } = compare(changed('fast.json', scaleBlocks(1e-6)));
    expect([status, result.baseline!.verdicts[0]!.verdict]).toEqual([3, 'slower']);
  });

  it('ends with 0 for an improvement', () => {
    const { status, result } = compare(changed('slow.json', scaleBlocks(1e6)));
    expect([status, result.baseline!.verdicts[0]!.verdict]).toEqual([0, 'faster']);
  });

  it('ends with 4 where nothing is comparable', () => {
    const machine = changed('machine.json', (result) => (result.machine.cpu.model = 'Other'));
    const other = changed('model.json', (result) => (result.settings[0]!.model.sha256 = '0'));
    for (const baseline of [machine, other]) {
      const { status, result } = compare(baseline);
      expect([status, result.baseline!.verdicts[0]!.verdict]).toEqual([4, 'not-comparable']);
      expect(result.baseline!.verdicts[0]!.reasons).toHaveLength(1);
    }
  });
});

describe('--hdr', () => {
  it('writes a log that HdrHistogram reads', () => {
    const log = file('log.hlog');
    bench(add, model('add4.tflite'), '--hdr', log);
    const reader = new hdr.HistogramLogReader(readFileSync(log, 'utf8'));
    const counts = new Map<string, number>();
    for (;;) {
      const interval = reader.nextIntervalHistogram();
      if (interval === null) break;
      counts.set(interval.tag, (counts.get(interval.tag) ?? 0) + interval.totalCount);
    }
    expect([...counts].sort()).toEqual([
      ['s1', 40],
      ['s2', 40],
    ]);
  });
});

describe.skipIf(process.platform === 'win32')('on a terminal', () => {
  it('shows progress and a histogram', () => {
    const words = [process.execPath, main, 'bench', add, ...short];
    const script = `import pty, sys; sys.exit(pty.spawn(${JSON.stringify(words)}) >> 8)`;
    const { status, stdout } = spawnSync('python3', ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(status).toBe(0);
    expect(stdout).toMatch(/\[2K\[[#-]{20}\] \d\/2 add4\.onnx: /);
    expect(stdout).toContain('Distribution');
    expect(stdout).toContain('█');
    // In a pipe there is neither.
    const piped = onlite(['bench', add, ...short]);
    expect(piped.stdout + piped.stderr).not.toMatch(/█|\r/);
  });
});
