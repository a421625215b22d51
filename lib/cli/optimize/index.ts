import { join, resolve } from 'node:path';

import { InferenceSession } from '../../engine/session/session';
import type { Sample } from '../../optimize/compare/sample';
import { optimizeModel, type OptimizedModel } from '../../optimize/simplify/optimize-model';
import type { Feeds } from '../../optimize/simplify/samples';
import type { Command } from '../command';
import { documentHead } from '../document';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { readLabels } from '../feeds/labels';
import { readSamples } from '../feeds/sample-set';
import { measureBoth } from '../guard/measure';
import { guardHelp, guardOptions } from '../guard/options';
import { interrupted } from '../interrupted';
import { describeFile, describeModel } from '../model-file';
import { deliver } from '../output-file';
import { withTemporaryFolder } from '../temporary-folder';
import type { OptimizeDocument } from './document';
import { guardOptimized, MIN_SPEEDUP, writeOptimized, type GuardedOptimization } from './guarded';
import { parseOptimizeOptions, type OptimizeCommand } from './options';
import { renderText } from './text';

interface GivenSample extends Sample {
  readonly feeds: Feeds;
}

/** The samples that `--data` names with their labels, as many of them as are wanted. */
async function samplesOf({
  input,
  data,
  images,
  labels,
  samples,
}: OptimizeCommand): Promise<GivenSample[] | undefined> {
  if (data === undefined) return undefined;
  const session = await InferenceSession.create(input, { logSeverityLevel: 4 });
  try {
    const limit = samples === undefined ? {} : { limit: samples };
    const set = await readSamples(data, session.inputMetadata, { images, ...limit });
    const truth = await readLabels(labels, set.labels, set.count);
    const count = Math.min(set.count, samples ?? Infinity);
    const found: GivenSample[] = [];
    for (let index = 0; index < count; index++) {
      const own = truth?.(index);
      found.push({ feeds: await set.sample(index), ...(own ? { labels: own } : {}) });
    }
    return found;
  } finally {
    await session.release();
  }
}

/** What became of a model, while it is in a place of its own. */
interface Made extends GuardedOptimization {
  readonly optimized: Omit<OptimizedModel, 'samples'>;
  readonly samples: readonly Sample[];
}

/** Makes the simpler model and measures it beside the original. */
async function make(command: OptimizeCommand, file: string): Promise<Made> {
  const { input, level } = command;
  const given = await samplesOf(command);
  const interruption = interrupted();
  const { signal } = interruption;
  try {
    const { samples: feeds, ...optimized } = await optimizeModel(input, file, {
      level,
      signal,
      ...(given ? { samples: given.map((sample) => sample.feeds) } : {}),
    });
    const samples = given ?? feeds.map((each) => ({ feeds: each }));
    const guarded = await guardOptimized(file, command, samples, optimized.verification, signal);
    return { optimized, samples, ...guarded };
  } finally {
    interruption.end();
  }
}

async function optimizeFile(command: OptimizeCommand): Promise<OptimizeDocument> {
  const head = documentHead('onlite-optimize');
  const { input, output, data, force } = command;
  return withTemporaryFolder('onlite-optimize-', async (folder) => {
    const original = await describeModel(input);
    const file = join(folder, 'optimized.onnx');
    const { optimized, samples, ...guarded } = await make(command, file);
    const speed = await measureBoth([input, file], ['before', 'after'], samples, command);
    const holds = guarded.refused.length === 0;
    const isWritten = holds || force;
    const isThere =
      resolve(input) === resolve(output) && Object.keys(optimized.passes).length === 0;
    const { after } = optimized;
    const bytes =
      isWritten && !isThere
        ? await writeOptimized(file, output, optimized, guarded)
        : optimized.after.bytes;
    return {
      ...head,
      input: original,
      ...(isWritten ? { output: await describeFile(output) } : {}),
      source: data ?? 'random',
      ...optimized,
      after: { ...after, bytes },
      ...guarded,
      ...(speed ? { speed } : {}),
      holds,
    };
  });
}

export const optimize: Command = {
  name: 'optimize',
  summary: 'make an ONNX model simpler: fewer nodes, no more bytes, the same values',
  usage: 'IN OUT [options]',
  reads: 1,
  help: [
    'Folds constants, shape arithmetic, BatchNormalization and padding, takes out what does nothing or',
    'is computed twice, and writes the simplest model that gives what the original gives. Inputs,',
    'outputs, dynamic dims, metadata and the version of the operators stay. OUT may be IN; nothing is',
    'written where anything fails, or a limit is not held. External data stays outside, in OUT.data.',
    '',
    '  --level NAME         portable (default): standard operators, and those of other domains that IN',
    "                       has. runtime: ONNX Runtime's own too, which nothing else runs",
    '',
    'With these the model is made smaller or quicker as well, IN may be a TensorFlow Lite model, and the',
    'limits, which are those of the last step, are for all steps together:',
    '  --prune P            0.5: this share of the weights become zero; 2:4; channel=0.3: this share of',
    "                       the channels go; clusters=32: values that weights share; several with ','",
    '  --quantize M         auto, static, dynamic, weight-only or float16, after that',
    '  --exclude NODE       a node that is neither pruned nor quantised; more than once for more',
    '  --test D             other samples, which judge the result (default every fourth of --data)',
    '',
    'Samples:',
    "  --data D             samples on which both are compared, as 'onlite compare' takes them",
    '                       (default: random ones)',
    '  --labels L           the true classes, or numbers, of these samples',
    '  --samples N          so many of them (default all)',
    ...imageHelp,
    '  --task NAME          classification or regression (default: by labels and output)',
    '  --output NAME        the output that labels are for (default the first)',
    '',
    ...guardHelp(
      `${MIN_SPEEDUP}, where\n                       the 95 % interval leaves no doubt`,
      'without speed-up, load time, latency and memory',
    ),
  ].join('\n'),
  options: {
    level: { type: 'string' },
    prune: { type: 'string' },
    quantize: { type: 'string' },
    exclude: { type: 'string', multiple: true },
    test: { type: 'string' },
    data: { type: 'string' },
    labels: { type: 'string' },
    samples: { type: 'string' },
    ...imageOptions,
    task: { type: 'string' },
    output: { type: 'string' },
    ...guardOptions,
  },
  async run(args) {
    const command = parseOptimizeOptions(args);
    const { combination } = command;
    if (combination) {
      const { optimizeCombined } = await import('./combined.js');
      return optimizeCombined(command, combination);
    }
    return deliver(command, await optimizeFile(command), {
      text: renderText,
      page: () => import('./report.js'),
    });
  },
};
