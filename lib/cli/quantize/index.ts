import type { TensorLike } from '../../engine/run/feeds';
import { InferenceSession } from '../../engine/session/session';
import { firstFeeds } from '../../optimize/quantize/evaluate';
import { quantizeModel } from '../../optimize/quantize/quantize-model';
import type { QuantizeProgress } from '../../optimize/quantize/quantize-options';
import { modelByteLength } from '../../optimize/quantize/workspace';
import { targetOfThisMachine } from '../../optimize/quantize/target';
import { describeSystem, describeVersions } from '../bench/document';
import { ProgressLine, progressBar } from '../bench/progress';
import type { Command } from '../command';
import { measureSpeed } from '../compare/speed';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { interrupted } from '../interrupted';
import { readModels } from '../model-file';
import { writeResults } from '../output-file';
import type { QuantizeDocument } from './document';
import { parseQuantizeOptions, type QuantizeCommand } from './options';
import { readSplit, type Split } from './samples';
import { renderText } from './text';

/** Exit code where no candidate holds the limits. */
const NOT_HELD = 3;

function progressText({ stage, name = '', done, total, remainingMs }: QuantizeProgress): string {
  const share = total === undefined || total === 0 ? 0 : done / total;
  const left = remainingMs === undefined ? '' : `, ${Math.ceil(remainingMs / 1000)} s left`;
  return stage === 'calibrating'
    ? `${progressBar(share)} calibrating: ${done} samples${left}`
    : `${stage} ${name}`;
}

async function inputsOf(model: string): Promise<InferenceSession['inputMetadata']> {
  const session = await InferenceSession.create(model, {
    logSeverityLevel: 4,
    // It is not run: its weights need no room.
    graphOptimizationLevel: 'disabled',
    extra: { 'session.disable_prepacking': '1' },
  });
  const inputs = session.inputMetadata;
  await session.release();
  return inputs;
}

async function speedOf(command: QuantizeCommand, split: Split): Promise<QuantizeDocument['speed']> {
  if (!command.speed) return undefined;
  const models = [command.input, command.output];
  const settings = models.map((model) => ({
    model,
    concurrency: 1,
    api: 'sync' as const,
    threads: command.threads ?? 1,
  }));
  const feeds = (await firstFeeds(split.heldOut.samples())) as Record<string, TensorLike>;
  return measureSpeed(settings, ['float', 'quantised'], [feeds, feeds], command.speed);
}

async function quantizeAll(command: QuantizeCommand): Promise<QuantizeDocument> {
  const { input, output, limits, method, calibration, exclude, force, judged, task } = command;
  const date = new Date().toISOString();
  const machine = describeSystem();
  const file = (await readModels([input])).get(input);
  if (!file) throw new RangeError(input);
  const split = await readSplit(command, await inputsOf(input));
  const target = command.target ?? targetOfThisMachine();
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  const { candidates, chosen, holds } = await quantizeModel(input, output, {
    method,
    data: split.calibration.samples,
    count: split.calibration.count,
    heldOut: split.heldOut.samples,
    target,
    exclude,
    force,
    format: command.format,
    session: { logSeverityLevel: 4, intraOpNumThreads: command.threads ?? 1 },
    signal: interruption.signal,
    onProgress: (progress) => line.show(progressText(progress)),
    ...limits,
    ...(calibration ? { calibration } : {}),
    ...(command.bits ? { bits: command.bits } : {}),
    ...(command.blockSize ? { blockSize: command.blockSize } : {}),
    ...(judged === undefined ? {} : { output: judged }),
    ...(task ? { task } : {}),
  }).finally(() => {
    interruption.end();
    line.clear();
  });
  const speed = chosen && (await speedOf(command, split));
  return {
    format: 'onlite-quantize',
    version: 1,
    date,
    command: process.argv.slice(2),
    machine,
    versions: describeVersions(),
    input: { ...file, bytes: modelByteLength(input) },
    target,
    samples: {
      calibration: split.calibration.count,
      heldOut: split.heldOut.count,
      source: command.data ?? 'random',
      areApart: split.areApart,
    },
    candidates,
    ...(speed ? { speed } : {}),
    ...(chosen
      ? { chosen: chosen.name, output: { path: output, bytes: modelByteLength(output) } }
      : {}),
    holds,
  };
}

export const quantize: Command = {
  name: 'quantize',
  summary: 'make an ONNX model smaller and quicker, and say whether to ship it',
  usage: 'IN OUT --data D [options]',
  help: [
    'Makes the model simpler, quantises it in the ways that can pay, and measures each candidate',
    'against the float model on samples that calibration has not seen. The quickest candidate that',
    'holds the limits is written to OUT (the smallest, with --min-speedup 0); where none does, nothing',
    'is.',
    '',
    'Samples:',
    "  --data D             samples that show the activations' ranges, as 'onlite compare' takes them;",
    '                       a hundred will do. Without --test every fourth one judges instead',
    '  --test D             samples that judge the result',
    '  --labels L           the true classes, or numbers, of the samples that judge',
    '  --samples N          so many of the samples of --data (default all)',
    ...imageHelp,
    '  --task NAME          classification or regression (default: by labels and output)',
    '  --output NAME        the output that labels are for (default the first)',
    '',
    'How:',
    '  --method M           auto (default), static, dynamic, weight-only or float16',
    '  --calibration C      minmax, percentile, entropy or mse (default: the one of least noise)',
    '  --percentile P       of the values, with --calibration percentile (default 99.99)',
    '  --target T           x64 (with VNNI), x64-no-vnni, arm or any (default: this machine)',
    '  --format F           qdq (default) or qoperator',
    '  --bits N             4 (default) or 8, with --method weight-only',
    '  --block-size N       weights that share a scale, with --method weight-only (default 32)',
    '  --exclude NODE       a node that stays float; more than once for more',
    '',
    'What must hold:',
    '  --min-sqnr DB        signal to noise ratio of the worst output (default 20 without labels)',
    '  --max-accuracy-loss X  accuracy by the labels, as a share (default 0.01)',
    '  --min-speedup X      how much quicker it is (default 1; 0 for weight-only and float16)',
    '  --force              write the best candidate though a limit is not held',
    '',
    'Measuring:',
    '  --threads N          threads inside one run (default 1)',
    '  --duration S         seconds of measured runs for each model at last (default 1.5)',
    '  --processes N        processes for each model (default 3)',
    '  --no-speed           without those last figures of latency and memory',
    '',
    'What comes out:',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  --report FILE.html   write a page; it needs nothing but a browser',
    '  -h, --help           print this',
    '',
    'Exit code: 0 written, 1 failed, 2 wrong command line, 3 a limit is not held.',
  ].join('\n'),
  options: {
    data: { type: 'string' },
    ...imageOptions,
    test: { type: 'string' },
    labels: { type: 'string' },
    samples: { type: 'string' },
    task: { type: 'string' },
    output: { type: 'string' },
    method: { type: 'string' },
    calibration: { type: 'string' },
    percentile: { type: 'string' },
    target: { type: 'string' },
    format: { type: 'string' },
    bits: { type: 'string' },
    'block-size': { type: 'string' },
    exclude: { type: 'string', multiple: true },
    'min-sqnr': { type: 'string' },
    'max-accuracy-loss': { type: 'string' },
    'min-speedup': { type: 'string' },
    force: { type: 'boolean' },
    threads: { type: 'string' },
    duration: { type: 'string' },
    processes: { type: 'string' },
    'no-speed': { type: 'boolean' },
    save: { type: 'string' },
    report: { type: 'string' },
  },
  async run(args) {
    const command = parseQuantizeOptions(args);
    const document = await quantizeAll(command);
    await writeResults(command, document, async () => {
      const { renderReport } = await import('./report.js');
      return renderReport(document);
    });
    return {
      json: document,
      text: () => renderText(document),
      exitCode: document.holds ? 0 : NOT_HELD,
    };
  },
};
