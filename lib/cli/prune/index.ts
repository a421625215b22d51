import { modelByteLength } from '../../optimize/guard/byte-length';
import { checkPaths } from '../../optimize/guard/check-paths';
import { pruneAndLook } from '../../optimize/prune/prune-model';
import type { PruneOptions } from '../../optimize/prune/prune-options';
import { ProgressLine } from '../bench/progress';
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
import type { PruneDocument } from './document';
import { parsePruneOptions, type PruneCommand } from './options';
import { renderText } from './text';

async function pruneAll(command: PruneCommand): Promise<PruneDocument> {
  const { input, output, pruning, limits, match, exclude, force, judged, task, threads } = command;
  const head = documentHead('onlite-prune', { load: false });
  await checkPaths(input, output);
  const file = await describeModel(input);
  const split = await readSplit(command, await inputsOf(input));
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  let speed: Speed | undefined;
  const look = async (made: string): Promise<void> => {
    line.clear();
    const samples = split.heldOut.samples();
    speed = await measureBoth([input, made], ['original', 'pruned'], samples, command);
  };
  const options: PruneOptions = {
    ...pruning,
    ...limits,
    data: split.calibration.samples,
    heldOut: split.heldOut.samples,
    match,
    exclude,
    force,
    session: { logSeverityLevel: 4, intraOpNumThreads: threads },
    signal: interruption.signal,
    onProgress: ({ stage }) => line.show(stage),
    ...(judged === undefined ? {} : { output: judged }),
    ...(task ? { task } : {}),
  };
  const { chosen, ...found } = await pruneAndLook(input, output, options, look).finally(() => {
    interruption.end();
    line.clear();
  });
  return {
    ...head,
    versions: describeVersions({ load: false }),
    input: { ...file, bytes: await modelByteLength(input) },
    samples: {
      ...samplesUsed(split, command),
      ...(match ? {} : { calibration: 0, areApart: true }),
    },
    ...found,
    ...(speed ? { speed } : {}),
    ...(chosen
      ? { chosen: chosen.name, output: { path: output, bytes: await modelByteLength(output) } }
      : {}),
  };
}

export const prune: Command = {
  name: 'prune',
  summary: 'remove channels of a model, or have its weights be zero or few',
  usage: 'IN OUT --sparsity S --data D [options]',
  reads: 1,
  help: [
    'Makes the model simpler, takes away what matters least, and gives each layer the mean and the',
    'deviation that it had on the samples. The result is measured against the original on samples',
    'that were not used for that, and written to OUT where it holds the limits.',
    '',
    'What goes:',
    '  --sparsity S         share of the weights that become zero, or of the channels that go: 0.5',
    '  --method M           l1 (default) or l2: by their norm; threshold: those below --threshold',
    '  --threshold X        a magnitude of weights or, of channels, a multiple of the mean',
    '  --scope S            global (default): the least of all; or of each layer, row (what makes one',
    '                       output) or channel (what takes one input)',
    '  --pattern P          element (default); N:M such as 2:4, where of each M weights along the',
    '                       inputs the N largest stay; a block of outputs x inputs such as 4x1',
    '  --structured channel  removes whole channels and all that is coupled to them: a smaller and',
    '                       faster model. Zeros alone make none faster, but compress well',
    '  --multiple N         what is left of channels is a multiple of this (default 8)',
    '  --clusters N         different values that each layer may have at last (k-means)',
    '  --cluster-start C    kmeans++ (default) or linear',
    '  --compress gz|zst    writes OUT.gz or OUT.zst, too, which sessions read as they read OUT',
    '  --exclude NODE       a node that stays as it is; more than once for more',
    '  --no-match           without giving layers their old means and deviations',
    '',
    'Samples:',
    "  --data D             samples as 'onlite compare' takes them; a hundred will do. Without --test",
    '                       every fourth one judges instead; without --data random noise does',
    '  --test D             samples that judge the result',
    '  --labels L           the true classes, or numbers, of the samples that judge',
    '  --samples N          so many of the samples of --data (default all)',
    ...imageHelp,
    '  --task NAME          classification or regression (default: by labels and output)',
    '  --output NAME        the output that labels are for (default the first)',
    '',
    ...guardHelp('1 with --structured, else 0', 'without those last figures of latency and memory'),
  ].join('\n'),
  options: {
    sparsity: { type: 'string' },
    method: { type: 'string' },
    threshold: { type: 'string' },
    scope: { type: 'string' },
    pattern: { type: 'string' },
    structured: { type: 'string' },
    multiple: { type: 'string' },
    clusters: { type: 'string' },
    'cluster-start': { type: 'string' },
    compress: { type: 'string' },
    exclude: { type: 'string', multiple: true },
    'no-match': { type: 'boolean' },
    data: { type: 'string' },
    ...imageOptions,
    test: { type: 'string' },
    labels: { type: 'string' },
    samples: { type: 'string' },
    task: { type: 'string' },
    output: { type: 'string' },
    ...guardOptions,
  },
  async run(args) {
    const command = parsePruneOptions(args);
    return deliver(command, await pruneAll(command), {
      text: renderText,
      page: () => import('./report.js'),
    });
  },
};
