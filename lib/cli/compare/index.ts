import { useInstalledProviders } from '../../engine/runtime/installed-providers';
import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import {
  compareModels,
  type CompareOptions,
  type ModelComparison,
} from '../../optimize/compare/compare-models';
import { Contender } from '../../optimize/compare/contender';
import type { Sample } from '../../optimize/compare/sample';
import { compareLayers, type LayerComparison } from '../../optimize/layers/compare-layers';
import { ProgressLine, progressBar } from '../bench/progress';
import { labelsOf, type Setting } from '../bench/setting';
import { UsageError, type Command } from '../command';
import { documentHead } from '../document';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { readLabels } from '../feeds/labels';
import { randomSamples, readSamples } from '../feeds/sample-set';
import type { SampleSet } from '../feeds/samples';
import { readModels } from '../model-file';
import { deliver } from '../output-file';
import { parsePublishOptions, publish, publishHelp, publishOptions } from '../publish';
import type { ComparedModel, CompareDocument } from './document';
import { parseCompareOptions, type CompareCommand } from './options';
import { measureSpeed, type Speed } from './speed';
import { renderText } from './text';
import { judge } from './verdict';
import { publishedRuns } from './published';

const RANDOM_SAMPLES = 10;

function sessionOptions({ provider, threads }: CompareCommand): SessionOptions {
  return {
    // What fails is reported once.
    logSeverityLevel: 4,
    ...(provider === undefined ? {} : { executionProviders: [provider] }),
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
}

async function openAll(command: CompareCommand): Promise<InferenceSession[]> {
  const sessions: InferenceSession[] = [];
  try {
    for (const model of command.models) {
      sessions.push(await InferenceSession.create(model, sessionOptions(command)));
    }
    return sessions;
  } catch (error) {
    await releaseAll(sessions);
    throw error;
  }
}

async function releaseAll(sessions: readonly InferenceSession[]): Promise<void> {
  for (const session of sessions) await session.release();
}

function samplesOf(
  { data, images, samples, seed, shapes }: CompareCommand,
  reference: InferenceSession,
): Promise<SampleSet> | SampleSet {
  const inputs = reference.inputMetadata;
  const limit = samples === undefined ? {} : { limit: samples };
  if (data !== undefined) return readSamples(data, inputs, { images, ...limit });
  return randomSamples(inputs, { count: samples ?? RANDOM_SAMPLES, seed, shapes });
}

/** The samples with their labels, as many of them as are wanted. */
async function* labelled(
  set: SampleSet,
  count: number,
  labels: ((index: number) => Sample['labels']) | undefined,
): AsyncGenerator<Sample> {
  for (let index = 0; index < count; index++) {
    const own = labels?.(index);
    yield { feeds: await set.sample(index), ...(own ? { labels: own } : {}) };
  }
}

interface Found {
  readonly comparison: ModelComparison;
  readonly models: readonly ComparedModel[];
  readonly layers: readonly LayerComparison[] | undefined;
  readonly speed: Speed | undefined;
}

function compareOptions(
  { task, output, temperature }: CompareCommand,
  onSample: (done: number) => void,
): CompareOptions {
  return {
    onSample,
    ...(task ? { task } : {}),
    ...(output === undefined ? {} : { output }),
    ...(temperature === undefined ? {} : { temperature }),
  };
}

/** Each candidate's layers against the reference's. */
async function followLayers(
  command: CompareCommand,
  samples: () => AsyncIterable<Sample>,
  onSample: (done: number) => void,
): Promise<LayerComparison[]> {
  const [reference = '', ...candidates] = command.models;
  const found: LayerComparison[] = [];
  for (const candidate of candidates) {
    const options = { session: sessionOptions(command), onSample };
    found.push(await compareLayers([reference, candidate], samples(), options));
  }
  return found;
}

async function find(command: CompareCommand): Promise<Found> {
  const files = await readModels(command.models);
  const settings = command.models.map((model): Setting => {
    const { provider, threads } = command;
    return {
      model,
      concurrency: 1,
      // The model's own time, without the hand-over to a thread.
      api: 'sync',
      ...(provider === undefined ? {} : { provider }),
      ...(threads === undefined ? {} : { threads }),
    };
  });
  const labels = labelsOf(settings);
  const sessions = await openAll(command);
  const line = new ProgressLine(process.stderr);
  try {
    const [reference] = sessions as [InferenceSession];
    const set = await samplesOf(command, reference);
    const truth = await readLabels(command.labels, set.labels, set.count);
    if (command.limits['min-accuracy'] !== undefined && !truth) {
      throw new UsageError('--min-accuracy: needs --labels');
    }
    const count = Math.min(set.count, command.samples ?? Infinity);
    const samples = (): AsyncGenerator<Sample> => labelled(set, count, truth);
    const onSample = (done: number): void =>
      line.show(`${progressBar(done / count)} ${done}/${count} samples`);
    const comparison = await compareModels(sessions, samples(), compareOptions(command, onSample));
    const first = await set.sample(0);
    const feeds = sessions.map((session) => new Contender(session, reference).feeds(first));
    const models = sessions.map(({ engine, executionProviders }, index): ComparedModel => {
      const file = files.get(command.models[index] ?? '');
      if (!file) throw new RangeError(command.models[index]);
      return { label: labels[index] ?? '', ...file, engine, executionProviders };
    });
    // What is measured next is not to share the memory and the threads.
    await releaseAll(sessions);
    const layers = command.layers ? await followLayers(command, samples, onSample) : undefined;
    line.clear();
    const speed = command.speed && (await measureSpeed(settings, labels, feeds, command.speed));
    return { comparison, models, layers, speed };
  } finally {
    line.clear();
    await releaseAll(sessions);
  }
}

async function compareAll(command: CompareCommand): Promise<CompareDocument> {
  const { provider } = command;
  await useInstalledProviders(provider === undefined ? [] : [provider]);
  const head = documentHead('onlite-compare');
  const { comparison, models, layers, speed } = await find(command);
  const labels = models.map(({ label }) => label);
  const limits = judge(command.limits, { comparison, speed }, labels);
  return {
    ...head,
    models,
    source: command.data ?? `random:${command.seed}`,
    comparison,
    ...(layers ? { layers } : {}),
    ...(speed ? { speed } : {}),
    limits,
    holds: limits.every(({ holds }) => holds),
  };
}

export const compare: Command = {
  name: 'compare',
  summary: 'say how far models are apart, and which is better and faster',
  usage: 'A B… [options]',
  help: [
    'Runs ONNX and TensorFlow Lite models of any precision on the same inputs and compares each with',
    'the first one: errors, cosine and SQNR of every output, agreement of the classes, accuracy by',
    'labels, latency and memory. Inputs and outputs are matched by name, else by order; samples are',
    "in the first model's terms and converted to the others' types and layout.",
    '',
    'What is run:',
    '  --data D             samples: a .npz of arrays by input name or a .npy, with all samples along',
    '                       the first axis; a .jsonl with a sample a line, {"input": value, …} or the',
    "                       only input's value; a folder of .npy, .npz and .json, or of .jpg, .png and",
    '                       .webp (with the package sharp), a sample a file; or a module (.mjs) whose',
    '                       default export is, or gives, an iterable of feeds or {feeds, labels}.',
    "                       An axis for the batch may be left out. Without --data: random[:SEED] of 'onlite run'",
    '  --samples N          so many of the samples (default all; 10 random ones)',
    ...imageHelp,
    '  --seed N             the seed of random samples (default 0)',
    '  --shape NAME=SIZES   the shape of a random input with dynamic dims',
    '  --labels L           the true classes, or numbers, of the samples: .npy, .npz, .json or .jsonl;',
    "                       an array 'labels' of a .npz, or 'label' in each line of a .jsonl, needs none",
    '  --task NAME          classification or regression (default: by labels and output)',
    '  --output NAME        the output that labels are for (default the first)',
    '  --temperature T      take the first model for a teacher: KL divergence of the others at T',
    '  --layers             compare the tensors between the operators too, by their names, and say where',
    '                       the models part',
    '  --provider NAME      an execution provider or delegate, for all models',
    '  --threads N          threads inside one run',
    '  --duration S         seconds of measured runs for each model (default 3)',
    '  --processes N        processes for each model (default 5; fewer than 2 give no intervals)',
    '  --no-speed           without latency and memory',
    '',
    'What must hold, for every model but the first:',
    '  --max-error X        greatest absolute error of any output',
    '  --min-sqnr DB        least signal to noise ratio of any output',
    '  --min-accuracy X     accuracy by the labels, 0 to 1',
    "  --min-speedup X      the first model's median latency divided by this one's",
    '',
    'What comes out:',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  --report FILE.html   write a page; it needs nothing but a browser',
    ...publishHelp,
    '  -h, --help           print this',
    '',
    'Exit code: 0 compared, 1 failed, 2 wrong command line, 3 a limit is not held.',
  ].join('\n'),
  options: {
    data: { type: 'string' },
    ...imageOptions,
    samples: { type: 'string' },
    seed: { type: 'string' },
    shape: { type: 'string', multiple: true },
    labels: { type: 'string' },
    layers: { type: 'boolean' },
    task: { type: 'string' },
    output: { type: 'string' },
    temperature: { type: 'string' },
    provider: { type: 'string' },
    threads: { type: 'string' },
    duration: { type: 'string' },
    processes: { type: 'string' },
    'no-speed': { type: 'boolean' },
    'max-error': { type: 'string' },
    'min-sqnr': { type: 'string' },
    'min-accuracy': { type: 'string' },
    'min-speedup': { type: 'string' },
    save: { type: 'string' },
    report: { type: 'string' },
    ...publishOptions,
  },
  async run(args) {
    const command = parseCompareOptions(args);
    const publishing = parsePublishOptions(args);
    return deliver(command, await compareAll(command), {
      publish: (document) => publish(publishing, document, publishedRuns(document), command.report),
      text: renderText,
      page: () => import('./report.js'),
    });
  },
};
