import { readFile } from 'node:fs/promises';

import { OnliteError } from '../../errors';
import { compareWithBaseline } from './baseline';
import { aggregate, pooledLatency } from './aggregate';
import { parseDocument, type BenchDocument } from './document';
import { intervalLog } from './hdr-log';
import { parseBenchOptions, type BenchOptions } from './options';
import { measureWithProgress } from './progress';
import type { MeasuredSetting, SettingResult } from './result';
import type { SettingOutcome } from './schedule';
import { keysOf, labelsOf } from './setting';
import { sideBySide } from './side-by-side';
import { histogramLines } from './terminal-histogram';
import { renderText } from './text';
import { publishedRuns } from './published';
import type { Command } from '../command';
import { documentHead } from '../document';
import { readModels } from '../model-file';
import { toJson } from '../output';
import { writeOutput } from '../output-file';
import { parsePublishOptions, publish, publishHelp, publishOptions } from '../publish';

/** Exit codes beyond the common ones. */
const REGRESSION = 3;
const NOT_COMPARABLE = 4;

const HISTOGRAM_WIDTH = 72;

async function readBaseline(file: string | undefined): Promise<BenchDocument | undefined> {
  if (file === undefined) return undefined;
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `--baseline: cannot read '${file}'`, { cause });
  }
  return parseDocument(content, file);
}

function exitCode({ settings, baseline }: BenchDocument): number {
  const verdicts = baseline?.verdicts ?? [];
  if (verdicts.some(({ verdict }) => verdict === 'slower')) return REGRESSION;
  if (settings.some(({ failed }) => failed !== undefined)) return 1;
  const comparable = verdicts.some(({ verdict }) => verdict !== 'not-comparable');
  return baseline !== undefined && !comparable ? NOT_COMPARABLE : 0;
}

async function runBench(options: BenchOptions): Promise<{
  document: BenchDocument;
  outcomes: readonly SettingOutcome[];
}> {
  const { settings, tolerance, metric } = options;
  const baseline = await readBaseline(options.baseline);
  const models = await readModels(settings.map(({ model }) => model));
  const head = documentHead('onlite-bench');
  const labels = labelsOf(settings);
  const keys = keysOf(settings);
  const inputs = (): readonly string[] => options.inputs;
  const outcomes = await measureWithProgress({ ...options, inputs }, labels);
  const results = settings.map((setting, index): SettingResult => {
    const { results: found = [], failed } = outcomes[index] ?? {};
    const model = models.get(setting.model);
    if (!model) throw new RangeError(setting.model);
    return {
      label: labels[index] ?? '',
      key: keys[index] ?? '',
      setting,
      model,
      ...(failed ? { failed } : { measured: aggregate(setting, found) }),
    };
  });
  const comparison = sideBySide(results, tolerance);
  const { processes, blocks, total, warmUpMs } = options;
  const measured: BenchDocument = {
    ...head,
    protocol: { processes, blocks, total, warmUpMs },
    settings: results,
    ...(comparison ? { comparison } : {}),
  };
  if (!baseline || options.baseline === undefined) return { document: measured, outcomes };
  const against = { file: options.baseline, metric, tolerance };
  const document = { ...measured, baseline: compareWithBaseline(measured, baseline, against) };
  return { document, outcomes };
}

export const bench: Command = {
  name: 'bench',
  summary: 'measure latency and throughput',
  usage: 'MODEL… [options]',
  help: [
    'Measures how long runs of ONNX and TensorFlow Lite models take: latency percentiles with their',
    'confidence, throughput, CPU use, memory, load time. Lists make settings; every combination is',
    'measured, each in several processes of its own, in turn, so that what else the machine does',
    'falls on all of them.',
    '',
    'What is run:',
    '  --threads N,…        threads inside one run',
    '  --concurrency N,…    runs in flight (default 1); as many run at once as there are processors',
    '  --provider NAME,…    execution providers or delegates, each a setting of its own',
    '  --batch N,…          size of the dynamic first dimension of the inputs',
    '  --rate R,…           requests a second at random (Poisson) moments, whether or not earlier ones',
    '                       have ended; latency counts from when a request was due',
    '  --api run|bind|sync  session.run (default), binding.run or session.runSync',
    "  --input NAME=SOURCE  zeros, random[:SEED] (default) or a file; see 'onlite run --help'",
    '  --shape NAME=SIZES   the shape of a generated input with dynamic dims',
    '  --signature KEY      a TensorFlow Lite signature',
    '',
    'How much:',
    '  --duration S         seconds of measurement for each setting (default 5)',
    '  --runs N             or so many runs',
    '  --warmup S           seconds before, in each process, and 10 runs at least (default 1; 0: none)',
    '  --processes N        processes for each setting (default 5; fewer than 2 give no intervals)',
    '  --no-profile         without the shares of the operators',
    '',
    'What comes out:',
    '  --baseline FILE      compare with an earlier --json: a verdict for each setting',
    '  --metric NAME        what decides: p50 (default), p99 or throughput',
    '  --tolerance PERCENT  the smallest change that matters (default 1)',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  --report FILE.html   write a page with charts; it needs nothing but a browser',
    '  --hdr FILE           write an HdrHistogram log (interval log, format 1.3, V2 histograms,',
    "                       nanoseconds): an interval for each block, tagged by the setting's number",
    ...publishHelp,
    '  -h, --help           print this',
    '',
    'A verdict is faster or slower where the 95 % bootstrap interval of the ratio of medians, over',
    'processes and blocks, lies beyond the tolerance; within the noise where it does not tell.',
    '',
    'Exit code: 0 measured, 1 a setting failed, 2 wrong command line, 3 slower than the baseline,',
    '4 nothing is comparable with the baseline (another machine, model or setting).',
  ].join('\n'),
  options: {
    threads: { type: 'string', multiple: true },
    concurrency: { type: 'string', multiple: true },
    provider: { type: 'string', multiple: true },
    batch: { type: 'string', multiple: true },
    rate: { type: 'string', multiple: true },
    api: { type: 'string' },
    input: { type: 'string', short: 'i', multiple: true },
    shape: { type: 'string', multiple: true },
    signature: { type: 'string' },
    duration: { type: 'string' },
    runs: { type: 'string' },
    warmup: { type: 'string' },
    processes: { type: 'string' },
    'no-profile': { type: 'boolean' },
    baseline: { type: 'string' },
    metric: { type: 'string' },
    tolerance: { type: 'string' },
    save: { type: 'string' },
    report: { type: 'string' },
    hdr: { type: 'string' },
    ...publishOptions,
  },
  async run(args) {
    const options = parseBenchOptions(args);
    const publishing = parsePublishOptions(args);
    const { document, outcomes } = await runBench(options);
    if (options.save !== undefined)
      await writeOutput('save', options.save, `${toJson(document)}\n`);
    if (options.hdr !== undefined) {
      await writeOutput('hdr', options.hdr, intervalLog(document, outcomes));
    }
    if (options.report !== undefined) {
      const { renderReport } = await import('./report/page.js');
      const latencies = outcomes.map(({ results }) => pooledLatency(results));
      await writeOutput('report', options.report, renderReport(document, latencies));
    }
    await publish(publishing, document, publishedRuns(document), options.report);
    const histogram = ({ label }: MeasuredSetting): string[] => {
      if (!process.stdout.isTTY) return [];
      const index = document.settings.findIndex((setting) => setting.label === label);
      const { results = [] } = outcomes[index] ?? {};
      const width = Math.min(process.stdout.columns || HISTOGRAM_WIDTH, 100);
      return histogramLines(pooledLatency(results), width);
    };
    return {
      json: document,
      text: () => renderText(document, histogram),
      exitCode: exitCode(document),
    };
  },
};
