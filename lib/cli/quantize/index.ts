import { modelByteLength } from '../../optimize/guard/byte-length';
import { checkPaths } from '../../optimize/guard/check-paths';
import { isTflite } from '../../optimize/guard/plain-file';
import { quantizeFile, type QuantizeResult } from '../../optimize/quantize/quantize-model';
import type { QuantizeOptions, QuantizeProgress } from '../../optimize/quantize/quantize-options';
import { targetOfThisMachine } from '../../optimize/quantize/target';
import { ProgressLine, progressBar } from '../bench/progress';
import type { Command } from '../command';
import type { Speed } from '../compare/speed';
import { describeVersions, documentHead } from '../document';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { inputsOf, measureBoth } from '../guard/measure';
import { guardHelp, guardOptions } from '../guard/options';
import { readSplit, samplesUsed } from '../guard/samples';
import { interrupted } from '../interrupted';
import { describeModel } from '../model-file';
import { deliver } from '../output-file';
import { parsePublishOptions, publish, publishHelp, publishOptions } from '../publish';
import type { QuantizeDocument } from './document';
import { parseQuantizeOptions, type QuantizeCommand } from './options';
import { renderText } from './text';
import { inLayout } from './transformers-layout';
import { publishedRuns } from './published';

function progressText({ stage, name = '', done, total, remainingMs }: QuantizeProgress): string {
  const share = total === undefined || total === 0 ? 0 : done / total;
  const left = remainingMs === undefined ? '' : `, ${Math.ceil(remainingMs / 1000)} s left`;
  return stage === 'calibrating'
    ? `${progressBar(share)} calibrating: ${done} samples${left}`
    : `${stage} ${name}`;
}

async function quantizeAll(command: QuantizeCommand): Promise<QuantizeDocument> {
  const { input, output, layout, limits, method, calibration, exclude, force, blockSize } = command;
  const { judged, task, threads } = command;
  const head = documentHead('onlite-quantize', { load: false });
  if (!layout) await checkPaths(input, output);
  const file = await describeModel(input);
  const split = await readSplit(command, await inputsOf(input));
  const target = command.target ?? targetOfThisMachine();
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  const options: QuantizeOptions = {
    method,
    data: split.calibration.samples,
    count: split.calibration.count,
    heldOut: split.heldOut.samples,
    target,
    exclude,
    force,
    format: command.format,
    ...(command.activations ? { activations: command.activations } : {}),
    ...(command.io ? { io: command.io } : {}),
    session: { logSeverityLevel: 4, intraOpNumThreads: threads },
    signal: interruption.signal,
    onProgress: (progress) => line.show(progressText(progress)),
    ...limits,
    ...(calibration ? { calibration } : {}),
    ...(command.bits ? { bits: command.bits } : {}),
    ...(blockSize ? { blockSize } : {}),
    ...(judged === undefined ? {} : { output: judged }),
    ...(task ? { task } : {}),
  };
  let speed: Speed | undefined;
  const look = async (best: string): Promise<void> => {
    line.clear();
    const samples = split.heldOut.samples();
    speed = await measureBoth([input, best], ['float', 'quantised'], samples, command);
  };
  const make = (): Promise<QuantizeResult> => quantizeFile(input, output, options, { look });
  const made = layout
    ? inLayout(input, layout, { target, ...(blockSize ? { blockSize } : {}) }, make)
    : make();
  const { candidates, chosen, holds } = await made.finally(() => {
    interruption.end();
    line.clear();
  });
  return {
    ...head,
    versions: describeVersions({ load: false }),
    input: { ...file, bytes: await modelByteLength(input) },
    ...((await isTflite(input)) ? {} : { target }),
    samples: samplesUsed(split, command),
    candidates,
    ...(speed ? { speed } : {}),
    ...(chosen
      ? { chosen: chosen.name, output: { path: output, bytes: await modelByteLength(output) } }
      : {}),
    holds,
  };
}

export const quantize: Command = {
  name: 'quantize',
  summary: 'make a model smaller and quicker, and say whether to ship it',
  usage: 'IN OUT --data D [options]',
  reads: 1,
  help: [
    'Makes an ONNX model simpler and quantises it in the ways that can pay, or a TensorFlow Lite model',
    'as it is. Each candidate is measured against the float model on samples that calibration has not',
    'seen. The quickest that holds the limits is written to OUT (the smallest, with --min-speedup 0);',
    'where none does, nothing is.',
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
    '  --format F           qdq (default) or qoperator; ONNX',
    '  --activations T      int8 (default) or int16: what those of a static TensorFlow Lite model become',
    '  --io T               float32 (default), or what its activations are: what it takes and gives',
    '  --bits N             4 (default) or 8, with --method weight-only',
    '  --block-size N       weights that share a scale, with --method weight-only (default 32)',
    '  --dtype D            q8, int8, q4 or fp16: OUT is a folder as transformers.js has it, and the model',
    '                       goes into onnx/, by the name of IN and D, beside quantize_config.json',
    '  --exclude NODE       a node that stays float; more than once for more',
    '',
    'Where else it goes:',
    ...publishHelp,
    '',
    ...guardHelp(
      '1; 0 for weight-only and float16',
      'without those last figures of latency and memory',
    ),
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
    dtype: { type: 'string' },
    calibration: { type: 'string' },
    percentile: { type: 'string' },
    target: { type: 'string' },
    format: { type: 'string' },
    activations: { type: 'string' },
    io: { type: 'string' },
    bits: { type: 'string' },
    'block-size': { type: 'string' },
    exclude: { type: 'string', multiple: true },
    ...guardOptions,
    ...publishOptions,
  },
  async run(args) {
    const command = parseQuantizeOptions(args);
    const publishing = parsePublishOptions(args);
    return deliver(command, await quantizeAll(command), {
      publish: (document) => publish(publishing, document, publishedRuns(document), command.report),
      text: renderText,
      page: () => import('./report.js'),
    });
  },
};
