import { PassThrough } from 'node:stream';

import hdr from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';

import { newHistogram } from '../../../../lib/bench/recorder';
import { parseCommandLine } from '../../../../lib/cli/arguments';
import { bench } from '../../../../lib/cli/bench';
import { aggregate } from '../../../../lib/cli/bench/aggregate';
import { compareWithBaseline } from '../../../../lib/cli/bench/baseline';
import { parseDocument, type BenchDocument } from '../../../../lib/cli/bench/document';
import { intervalLog } from '../../../../lib/cli/bench/hdr-log';
import { parseBenchOptions, type BenchOptions } from '../../../../lib/cli/bench/options';
import { ProgressLine, progressBar } from '../../../../lib/cli/bench/progress';
import type { Block, ProcessResult } from '../../../../lib/cli/bench/protocol';
import { blockLimits } from '../../../../lib/cli/bench/schedule';
import { keysOf, labelsOf, type Setting } from '../../../../lib/cli/bench/setting';
import { batchShapes } from '../../../../lib/cli/bench/shapes';
import { sideBySide } from '../../../../lib/cli/bench/side-by-side';
import { bar, histogramLines } from '../../../../lib/cli/bench/terminal-histogram';
import { renderText } from '../../../../lib/cli/bench/text';
import { UsageError } from '../../../../lib/cli/command';
import type { ValueMetadata } from '../../../../lib/engine/session/metadata';

const parse = (...args: string[]): BenchOptions => parseBenchOptions(parseCommandLine(bench, args));

/** A process whose blocks have 10 runs each, all of the given latency. */
function processOf(latencies: readonly number[]): ProcessResult {
  const blocks = latencies.map((latency, index): Block => {
    const histogram = newHistogram();
    for (let run = 0; run < 10; run++) histogram.record(latency);
    return {
      runs: 10,
      seconds: (10 * latency) / 1e9,
      cpuSeconds: (10 * latency) / 1e9,
      startedAt: Date.UTC(2030, 0, 1) + index * 1000,
      p50: latency,
      p99: latency,
      histogram: histogram.encode(),
    };
  });
  return {
    engine: 'onnxruntime',
    executionProviders: ['cpu'],
    sessionConcurrency: 1,
    inputs: [{ name: 'x', type: 'float32', dims: [1] }],
    loadNs: 1e6,
    firstRunNs: 2e6,
    warmUpRuns: 10,
    blocks,
    phases: {},
    memory: { before: 10, loaded: 20, peak: 30 },
    errors: {},
  };
}

const setting: Setting = { model: 'a.onnx', concurrency: 1, api: 'run' };

/** A result of one setting whose processes' blocks took so long. */
function documentOf(processes: readonly (readonly number[])[]): BenchDocument {
  return {
    format: 'onlite-bench',
    version: 1,
    date: '2030-01-01T00:00:00.000Z',
    command: ['bench', 'a.onnx'],
    machine: {
      node: '20.0.0',
      platform: 'linux',
      arch: 'x64',
      libc: { name: 'glibc', version: '2.36' },
      cpu: {
        model: 'CPU',
        cores: 2,
        availableParallelism: 2,
        features: {},
        int8: { kind: 'none' },
      },
      memoryBytes: 2 ** 30,
      system: 'Linux 6',
      loadAverage: 0,
    },
    versions: { onlite: '1.0.0', node: '20.0.0', v8: '11' },
    protocol: { processes: processes.length, blocks: 4, total: { runs: 1 }, warmUpMs: 0 },
    settings: [
      {
        label: 'a.onnx',
        key: 'a.onnx, …',
        setting,
        model: { path: 'a.onnx', sha256: 'aa', bytes: 1 },
        measured: aggregate(setting, processes.map(processOf)),
      },
    ],
  };
}

const steady = [
  [1000, 1001, 1002, 999],
  [1003, 1000, 998, 1001],
  [1001, 1002, 1000, 999],
];
const scaled = (factor: number): number[][] =>
  steady.map((process) => process.map((value) => value * factor));

describe('command line', () => {
  it('makes a setting of every combination', () => {
    const { settings } = parse('a', 'b', '--threads', '1,2', '--concurrency', '1,4', '--batch=8');
    expect(settings).toHaveLength(8);
    expect(settings[1]).toEqual({ model: 'a', threads: 1, batch: 8, concurrency: 4, api: 'run' });
    expect(settings.at(-1)).toMatchObject({ model: 'b', threads: 2, concurrency: 4 });
  });

  it('has the documented defaults', () => {
    expect(parse('a')).toMatchObject({
      total: { seconds: 5 },
      processes: 5,
      warmUpMs: 1000,
      inputs: ['random'],
      metric: 'p50',
      tolerance: 0.01,
    });
  });

  it.each([
    [],
    ['a', '--threads', '0'],
    ['a', '--threads', '1,'],
    ['a', '--concurrency', '1.5'],
    ['a', '--rate', '-1'],
    ['a', '--rate', '0'],
    ['a', '--duration', 'long'],
    ['a', '--duration', '1', '--runs', '5'],
    ['a', '--runs', '0'],
    ['a', '--processes', '0'],
    ['a', '--api', 'fast'],
    ['a', '--api', 'sync', '--concurrency', '2'],
    ['a', '--api', 'sync', '--rate', '5'],
    ['a', '--metric', 'p42'],
    ['a', '--tolerance', 'none'],
    ['a', '--threads', Array(300).fill('1').join(',')],
    ['a', '--unknown'],
  ])('refuses %j %j %j %j %j', (...args) => {
    expect(() => parse(...args.map(String))).toThrow(UsageError);
  });

  it('names what differs, and always the same question the same', () => {
    const { settings } = parse('x/a.onnx', 'y/a.onnx', '--concurrency', '1,2');
    expect(labelsOf(settings)).toEqual([
      'x/a.onnx, 1 in flight',
      'x/a.onnx, 2 in flight',
      'y/a.onnx, 1 in flight',
      'y/a.onnx, 2 in flight',
    ]);
    expect(labelsOf(parse('x/a.onnx', 'x/a.onnx').settings)).toEqual(['a.onnx', 'a.onnx #2']);
    const [alone] = keysOf(parse('elsewhere/a.onnx', '--concurrency', '1').settings);
    expect(keysOf(settings)[0]).toBe(alone);
  });
});

describe('blocks', () => {
  it.each([1, 7, 19, 20, 1000])('share %i runs out to the last', (runs) => {
    const protocol = { processes: 5, blocks: 4, total: { runs } };
    const limits = [0, 1, 2, 3, 4].flatMap((index) => blockLimits(protocol, index));
    expect(limits.reduce((sum, limit) => sum + ('runs' in limit ? limit.runs : NaN), 0)).toBe(runs);
  });

  it('share the time', () => {
    const protocol = { processes: 5, blocks: 4, total: { seconds: 5 } };
    expect(blockLimits(protocol, 0)).toEqual(Array(4).fill({ ms: 250 }));
  });
});

describe('batches', () => {
  const input = (name: string, shape: (number | string)[]): ValueMetadata => ({
    name,
    isTensor: true,
    type: 'float32',
    shape,
  });

  it('size the dynamic first dimension', () => {
    expect(batchShapes([input('x', ['n', 3]), input('y', [2])], [], 4)).toEqual(['x=4,3']);
    expect(batchShapes([input('x', ['', 3])], [], undefined)).toEqual(['x=1,3']);
    expect(batchShapes([input('x', ['n', 'm'])], ['x=1,7'], 4)).toEqual(['x=4,7']);
    expect(batchShapes([input('x', ['n', 'm'])], ['x=2,7'], undefined)).toEqual(['x=2,7']);
  });

  it('are refused where there is none', () => {
    expect(() => batchShapes([input('x', [1, 3])], [], 4)).toThrow(UsageError);
  });
});

describe('aggregation', () => {
  it('gives p99.9 of more than 100,000 runs only, and says why not', () => {
    const few = aggregate(setting, [processOf([1000])]).latency;
    expect(few.percentiles.at(-1)).toEqual({
      percentile: 99.9,
      note: 'needs more than 100,000 runs, there are 10',
    });
    const many = newHistogram();
    for (let run = 0; run < 100_001; run++) many.record(1000 + run);
    const process = processOf([1000]);
    const blocks = [{ ...process.blocks[0]!, runs: 100_001, histogram: many.encode() }];
    const { percentiles } = aggregate(setting, [{ ...process, blocks }]).latency;
    const { value = 0, low = 0, high = 0 } = percentiles.at(-1)!;
    expect(value / 100_901).toBeCloseTo(1, 2);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
  });

  it('adds up runs, errors and CPU time', () => {
    const results = [
      processOf([1000, 3000]),
      { ...processOf([2000]), errors: { ERR_QUEUE_FULL: 2 } },
    ];
    const { latency, errors, cpu, memory } = aggregate({ ...setting, batch: 4 }, results);
    expect([latency.count, latency.min]).toEqual([30, 1000]);
    expect(errors).toEqual({ ERR_QUEUE_FULL: 2 });
    expect(cpu.processors).toBeCloseTo(1);
    expect(cpu.perRunNs).toBeCloseTo(2000);
    expect(memory).toEqual({ before: 10, loaded: 20, peak: 30 });
  });
});

describe('baseline', () => {
  const compare = (
    now: BenchDocument,
    before: BenchDocument,
    metric: 'p50' | 'throughput' = 'p50',
  ): ReturnType<typeof compareWithBaseline> =>
    compareWithBaseline(now, before, { file: 'f', metric, tolerance: 0.01 });

  it.each([
    [1, 'same'],
    [1.2, 'slower'],
    [0.8, 'faster'],
  ])('judges times of %f of the baseline', (factor, verdict) => {
    const [now, before] = [documentOf(scaled(factor)), documentOf(steady)];
    for (const metric of ['p50', 'throughput'] as const) {
      expect(compare(now, before, metric).verdicts[0]).toMatchObject({ verdict, reasons: [] });
    }
  });

  it('does not judge within the noise', () => {
    const noisy = [
      [500, 2000],
      [900, 1100],
      [1500, 700],
    ];
    expect(compare(documentOf(noisy), documentOf(steady)).verdicts[0]?.verdict).toBe('unclear');
    expect(compare(documentOf([[9999]]), documentOf(steady)).verdicts[0]?.verdict).toBe('unclear');
  });

  it('says why something is not comparable', () => {
    const now = documentOf(steady);
    const { machine, settings } = now;
    const other: [Partial<BenchDocument>, string][] = [
      [
        { machine: { ...machine, cpu: { ...machine.cpu, model: 'Other' } } },
        'CPU: Other then, CPU now',
      ],
      [{ machine: { ...machine, arch: 'arm64' } }, 'architecture'],
      [{ settings: [{ ...settings[0]!, key: 'b' }] }, 'no such setting'],
      [{ settings: [{ ...settings[0]!, model: { path: '', sha256: 'bb', bytes: 1 } }] }, 'SHA-256'],
    ];
    for (const [change, reason] of other) {
      const [verdict] = compare(now, { ...now, ...change }).verdicts;
      expect(verdict).toMatchObject({ verdict: 'not-comparable', metrics: {} });
      expect(verdict?.reasons.join()).toContain(reason);
    }
  });

  it('tells other versions, which may be the point', () => {
    const now = documentOf(steady);
    const before = { ...now, versions: { ...now.versions, onlite: '0.9.0' } };
    const { changes, verdicts } = compare(now, before);
    expect(changes).toEqual(['onlite: 0.9.0 then, 1.0.0 now']);
    expect(verdicts[0]?.verdict).toBe('same');
  });

  it('is read back as it was written', () => {
    const document = documentOf(steady);
    expect(parseDocument(JSON.stringify(document), 'f')).toEqual(document);
  });

  it.each([
    '',
    'null',
    '[]',
    '{"format": "onlite-bench"}',
    '{"format": "onlite-bench", "version": 2}',
    '{"format": "onlite-bench", "version": 1, "settings": 1}',
    '{"format":"onlite-bench","version":1,"settings":[{}],"machine":{"cpu":{}},"versions":{}}',
    JSON.stringify(documentOf(steady)).replace('"p50":1000', '"p50":-1'),
    JSON.stringify(documentOf(steady)).replace(/"processes":\[/, '"processes":[7,'),
  ])('refuses %s', (text) => {
    expect(() => parseDocument(text, 'f')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    );
  });

  it('compares settings side by side with the first', () => {
    const [first] = documentOf(steady).settings;
    const [second] = documentOf(scaled(2)).settings;
    const comparison = sideBySide([first!, { ...second!, label: 'b' }], 0.01);
    expect(comparison).toMatchObject([
      { label: 'b', against: 'a.onnx', metrics: { p50: { verdict: 'slower' } } },
    ]);
    expect(comparison?.[0]?.metrics.throughput?.verdict).toBe('slower');
    expect(sideBySide([first!], 0.01)).toBeUndefined();
  });
});

describe('HdrHistogram log', () => {
  it('has an interval of each block, which HdrHistogram reads', () => {
    const document = documentOf(steady);
    const log = intervalLog(document, [{ results: steady.map(processOf) }]);
    const lines = log.trimEnd().split('\n');
    expect(lines[0]).toBe('#[Histogram log format version 1.3]');
    const rows = lines.filter((line) => line.startsWith('Tag='));
    expect(rows).toHaveLength(12);
    const reader = new hdr.HistogramLogReader(log);
    let total = 0;
    for (;;) {
      const interval = reader.nextIntervalHistogram();
      if (interval === null) break;
      expect(interval.tag).toBe('s1');
      total += interval.totalCount;
      expect(interval.maxValue / 1000).toBeCloseTo(1, 1);
    }
    expect(total).toBe(120);
  });
});

describe('terminal', () => {
  it('draws bars to the eighth of a cell', () => {
    expect([bar(1, 4), bar(0.5, 4), bar(1 / 32, 4), bar(0, 4), bar(1e-9, 4)]).toEqual([
      '████',
      '██',
      '▏',
      '',
      '▏',
    ]);
  });

  it('counts every run in one row of the histogram', () => {
    const histogram = newHistogram();
    for (let value = 1; value <= 10_000; value++) histogram.record(value * 100);
    const lines = histogramLines(histogram, 72);
    expect(lines).toHaveLength(10);
    const counts = lines.map((line) =>
      Number(/–.*s {2}([ \d,]+)/.exec(line)?.[1]?.replace(',', '')),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
    expect(histogramLines(newHistogram(), 72)).toEqual([]);
  });

  it('takes one value for a histogram too', () => {
    const histogram = newHistogram();
    histogram.record(1000);
    expect(histogramLines(histogram, 40).join('\n')).toContain('█');
  });

  it('writes one line over and over, and nothing in a pipe', () => {
    const written: string[] = [];
    const stream = (isTTY: boolean): NodeJS.WriteStream => {
      const through = new PassThrough({ encoding: 'utf8' });
      through.on('data', (text: string) => written.push(text));
      return Object.assign(through, { isTTY, columns: 20 }) as never;
    };
    const pipe = new ProgressLine(stream(false));
    pipe.show('x');
    pipe.clear();
    expect(written).toEqual([]);
    const line = new ProgressLine(stream(true));
    line.show('a line that is \u001b[31m far too long for it');
    line.clear();
    expect(written[0]).toBe('\r\u001b[2Ka line that is \\u00');
    expect(written.at(-1)).toBe('\r\u001b[2K');
    expect(progressBar(0.5, 4)).toBe('[##--]');
  });

  it('shows the figures and the verdicts', () => {
    const now = documentOf(scaled(2));
    const against = { file: 'before.json', metric: 'p50', tolerance: 0.01 } as const;
    const baseline = compareWithBaseline(now, documentOf(steady), against);
    const text = renderText({ ...now, baseline }, () => ['bars']);
    expect(text).toMatch(/p50 +2\.0 µs \(/);
    expect(text).toMatch(/p99\.9 +— \(needs more than 100,000 runs, there are 120\)/);
    expect(text).toContain('bars');
    expect(text).toMatch(/before\.json[^]*p50 2\.0\d\d × \(.*\) {2}slower/);
  });
});
