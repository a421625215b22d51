import { InferenceSession } from '../../engine/session/session';
import { spreadOver } from '../../optimize/compare/sample';
import { SessionModel } from '../../watch/explain/session-model';
import { OutputHealthCounter, type OutputHealth } from '../../watch/live/output-health';
import { withQuantization } from '../../watch/rows/real-values';
import { rowCount } from '../../watch/rows/feature-reader';
import { measureStability, type Stability } from '../../watch/stability/measure';
import { checkOutputs, choice, given, decimal, share, text, wholeNumber } from '../arguments';
import { ProgressLine, progressBar } from '../bench/progress';
import { NOT_HELD, UsageError, type Command, type ParsedArguments } from '../command';
import { documentHead, type DocumentHead } from '../document';
import { imageOf } from '../explain/image';
import { imageHelp, imageOptions, parseImageOptions } from '../feeds/image-options';
import type { ImageOptions } from '../feeds/images';
import { readSamples } from '../feeds/sample-set';
import { interrupted } from '../interrupted';
import { describeFile, type ModelFile } from '../model-file';
import { toJson } from '../output';
import { writeOutput } from '../output-file';
import { judge, LIMITS, type Limits, type StabilityVerdict } from './limits';
import { renderText } from './text';

interface StabilityCommand {
  readonly model: string;
  readonly data: string;
  readonly images: ImageOptions;
  readonly samples: number;
  readonly repeats: number;
  readonly noise?: readonly number[];
  readonly seed: number;
  readonly batch: number;
  readonly task?: 'classification' | 'regression';
  readonly output?: string;
  readonly provider?: string;
  readonly limits: Limits;
  readonly save?: string;
}

/** What `onlite stability --json` prints. */
export interface StabilityDocument extends DocumentHead<'onlite-stability'> {
  readonly model: ModelFile;
  readonly source: string;
  readonly output: string;
  readonly stability: Stability;
  /** Of all outputs for the samples as they are. */
  readonly outputs: OutputHealth;
  readonly limits: readonly StabilityVerdict[];
  readonly holds: boolean;
}

function levels(args: ParsedArguments): readonly number[] | undefined {
  const words = text(args, 'noise')?.split(',');
  return words?.map((word) => {
    if (/^\d*\.?\d+(e-?\d+)?$/i.test(word) && Number(word) > 0) return Number(word);
    throw new UsageError(`--noise: expected numbers above 0 such as 0.01,0.1, got '${word}'`);
  });
}

function parse(args: ParsedArguments): StabilityCommand {
  const [model, data, other] = args.positionals;
  if (model === undefined || data === undefined)
    throw new UsageError('MODEL and DATA are expected');
  if (other !== undefined) throw new UsageError(`unexpected argument '${other}'`);
  checkOutputs(args, ['save'], [model, data]);
  return {
    model,
    data,
    images: parseImageOptions(args),
    samples: wholeNumber(args, 'samples', 2) ?? 200,
    repeats: wholeNumber(args, 'repeats', 1) ?? 5,
    seed: wholeNumber(args, 'seed', 0) ?? 1,
    batch: wholeNumber(args, 'batch', 1) ?? 64,
    limits: {
      ...given('max-changed', share(args, 'max-changed')),
      ...given('max-deviation', decimal(args, 'max-deviation')),
      ...given('max-repeated', decimal(args, 'max-repeated')),
      ...(args.values['sound'] === true ? { sound: true } : {}),
    },
    ...given('noise', levels(args)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('output', text(args, 'output')),
    ...given('provider', text(args, 'provider')),
    ...given('save', text(args, 'save')),
  };
}

/** The rows of samples from all over the data, and how sound the outputs for them are. */
async function readRows(
  session: InferenceSession,
  command: StabilityCommand,
  signal: AbortSignal,
): Promise<{ model: SessionModel; rows: Float64Array[]; outputs: OutputHealth }> {
  const set = await readSamples(command.data, session.inputMetadata, { images: command.images });
  const model = new SessionModel(session, await set.sample(0), {
    signal,
    ...given('output', command.output),
  });
  const health = new OutputHealthCounter();
  const real = withQuantization(session.outputMetadata);
  const rows: Float64Array[] = [];
  const all = Array.from({ length: set.count }, (_, index) => index);
  for (const index of spreadOver(all, command.samples)) {
    const own = model.rowsOf(await set.sample(index));
    rows.push(...own);
    const outputs = real(await session.run(model.feedsOf(own), { signal }));
    health.add(outputs, rowCount(outputs));
  }
  return { model, rows, outputs: health.counts };
}

async function measure(command: StabilityCommand): Promise<StabilityDocument> {
  const head = documentHead('onlite-stability');
  const file = await describeFile(command.model);
  const session = await InferenceSession.create(command.model, {
    // What fails is reported once.
    logSeverityLevel: 4,
    ...(command.provider === undefined ? {} : { executionProviders: [command.provider] }),
  });
  const line = new ProgressLine(process.stderr);
  const { signal, end } = interrupted();
  try {
    const { model, rows, outputs } = await readRows(session, command, signal);
    const image = imageOf(model);
    const stability = await measureStability(model.ask, rows, {
      repeats: command.repeats,
      batchSize: command.batch,
      seed: command.seed,
      signal,
      onProgress: ({ done, total }) =>
        line.show(`${progressBar(done / total)} ${done}/${total} rows`),
      ...given('noise', command.noise),
      ...given('image', image),
      ...given(
        'isClassifier',
        command.task ? command.task === 'classification' : model.isClass || undefined,
      ),
    });
    const limits = judge(command.limits, stability, outputs);
    return {
      ...head,
      model: file,
      source: command.data,
      output: model.output,
      stability,
      outputs,
      limits,
      holds: limits.every(({ holds }) => holds),
    };
  } finally {
    end();
    line.clear();
    await session.release();
  }
}

export const stability: Command = {
  name: 'stability',
  summary: 'say how much predictions change with repeated runs and with slightly other inputs',
  usage: 'MODEL DATA [options]',
  help: [
    'Asks a model about the same samples again, about samples with noise, and about images that are moved',
    'by a pixel, and says how far the answers are apart; outputs with NaN or Infinity, saturated and',
    "constant ones are counted. DATA is as 'onlite compare --data' has it.",
    '',
    '  --samples N          so many of the samples, from all over the data (default 200)',
    '  --repeats N          how often each is asked about, as it is and with each noise (default 5)',
    '  --noise L,…          levels of noise, shares of a standard deviation of the feature over the samples,',
    '                       of images of all their values (default 0.01,0.05,0.1)',
    '  --output NAME        the output (default the one with a score for each class, else a number)',
    '  --task T             classification or regression (default: by the output)',
    '  --batch N            rows asked about at a time (default 64)',
    '  --seed N             of the noise (default 1)',
    '  --provider NAME      an execution provider or delegate',
    ...imageHelp,
    '',
    'What must hold:',
    ...LIMITS.map(({ name, value, help }) => `  --${`${name} ${value}`.padEnd(18)} ${help}`),
    '',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  -h, --help           print this',
    '',
    'Exit code: 0 measured, 1 failed, 2 wrong command line, 3 a limit is not held.',
  ].join('\n'),
  options: {
    samples: { type: 'string' },
    repeats: { type: 'string' },
    noise: { type: 'string' },
    output: { type: 'string' },
    task: { type: 'string' },
    batch: { type: 'string' },
    seed: { type: 'string' },
    provider: { type: 'string' },
    ...imageOptions,
    'max-changed': { type: 'string' },
    'max-deviation': { type: 'string' },
    'max-repeated': { type: 'string' },
    sound: { type: 'boolean' },
    save: { type: 'string' },
  },
  async run(args) {
    const command = parse(args);
    const document = await measure(command);
    if (command.save !== undefined) {
      await writeOutput('save', command.save, `${toJson(document)}\n`);
    }
    return {
      json: document,
      text: () => renderText(document),
      exitCode: document.holds ? 0 : NOT_HELD,
    };
  },
};
