import { InferenceSession } from '../../engine/session/session';
import { OnliteError } from '../../errors';
import { Contender } from '../../optimize/compare/contender';
import { Profiler, type ReferenceProfile } from '../../watch/profile/reference-profile';
import { FeatureReader } from '../../watch/rows/feature-reader';
import { PredictionReader, type WatchedTask } from '../../watch/rows/prediction-reader';
import { withQuantization } from '../../watch/rows/real-values';
import type { RowTensors } from '../../watch/rows/row';
import { choice, given, text, wholeNumber } from '../arguments';
import { ProgressLine, progressBar } from '../bench/progress';
import { UsageError, type Command, type ParsedArguments } from '../command';
import { imageHelp, imageOptions, parseImageOptions } from '../feeds/image-options';
import { readSamples } from '../feeds/sample-set';
import { interrupted } from '../interrupted';
import { table } from '../output';
import { writeOutput } from '../output-file';

interface ProfileCommand {
  readonly data: string;
  readonly model: string;
  readonly output: string;
  readonly task: WatchedTask | undefined;
  readonly prediction: string | undefined;
  readonly maxElements: number | undefined;
  readonly samples: number | undefined;
}

function parse(args: ParsedArguments): ProfileCommand {
  const [data, ...others] = args.positionals;
  if (data === undefined) throw new UsageError('DATA is expected');
  if (others[0] !== undefined) throw new UsageError(`unexpected argument '${others[0]}'`);
  const model = text(args, 'model');
  if (model === undefined) throw new UsageError('--model: the model that the data are for');
  const output = text(args, 'output');
  if (output === undefined) throw new UsageError('--output: a file for the profile');
  return {
    data,
    model,
    output,
    task: choice(args, 'task', ['classification', 'regression']),
    prediction: text(args, 'prediction'),
    maxElements: wholeNumber(args, 'max-elements', 1),
    samples: wholeNumber(args, 'samples', 1),
  };
}

async function makeProfile(
  command: ProfileCommand,
  args: ParsedArguments,
): Promise<ReferenceProfile> {
  const session = await InferenceSession.create(command.model);
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  try {
    const set = await readSamples(command.data, session.inputMetadata, {
      images: parseImageOptions(args),
      ...given('limit', command.samples),
    });
    const features = new FeatureReader(given('maxElements', command.maxElements));
    const predictions = new PredictionReader({
      ...given('task', command.task),
      ...given('output', command.prediction),
    });
    const inputs = withQuantization(session.inputMetadata);
    const outputsOf = withQuantization(session.outputMetadata);
    const profiler = new Profiler();
    // Samples may be real values where the model takes quantised ones.
    const itself = new Contender(session, session);
    const count = Math.min(set.count, command.samples ?? Infinity);
    let task: WatchedTask = 'classification';
    for (let index = 0; index < count; index++) {
      const feeds = itself.feeds(await set.sample(index));
      const result = await session.run(feeds, { signal: interruption.signal });
      const outputs = outputsOf(result);
      task = predictions.taskOf(outputs);
      const values = predictions.read(outputs);
      for (const [row, found] of features.read(inputs(feeds as RowTensors)).entries()) {
        profiler.add(found, values[row]?.value);
      }
      line.show(`${progressBar((index + 1) / count)} ${index + 1}/${count} samples`);
    }
    if (count === 0)
      throw new OnliteError('ERR_INVALID_ARGUMENT', `${command.data}: has no samples`);
    return profiler.finish(task === 'regression' ? 'numerical' : 'categorical');
  } finally {
    interruption.end();
    line.clear();
    await session.release();
  }
}

const short = (value: number): string => String(Number(value.toPrecision(4)));

function summary({ rows, features, predictions }: ReferenceProfile): string {
  const columns = predictions ? [...features, predictions] : features;
  const lines = columns.map(({ name, missing, numbers, categories = [] }) => [
    name,
    numbers ? `${short(numbers.min)} to ${short(numbers.max)}` : `${categories.length} values`,
    numbers ? short(numbers.mean) : '',
    numbers ? short(numbers.standardDeviation) : '',
    String(missing),
  ]);
  const header = ['feature', 'range', 'mean', 'deviation', 'missing'];
  return `${table(lines, { header, indent: 0 })}\n${rows} rows`;
}

export const profile: Command = {
  name: 'profile',
  summary: 'say what inputs and predictions are like where all is well, to find drift by',
  usage: 'DATA --model MODEL --output FILE [options]',
  help: [
    'Runs the model on samples and writes a profile of their features and of the predictions: what',
    "onlite/watch compares the requests of production with. DATA is as 'onlite compare --data' has it.",
    '',
    'Options:',
    '  --model MODEL        the model that the data are for',
    '  --output FILE        the profile, JSON',
    '  --samples N          so many of the samples (default all)',
    '  --max-elements N     up to so many elements of an input are a feature each; of larger ones there',
    '                       are summaries (default 64)',
    '  --prediction NAME    the output that is the prediction (default: the one that can be)',
    '  --task T             classification or regression (default: by the output)',
    ...imageHelp,
    '  --json               print the profile without its samples as JSON',
    '  -h, --help           print this',
  ].join('\n'),
  options: {
    model: { type: 'string' },
    output: { type: 'string' },
    samples: { type: 'string' },
    'max-elements': { type: 'string' },
    prediction: { type: 'string' },
    task: { type: 'string' },
    ...imageOptions,
  },
  async run(args) {
    const command = parse(args);
    const made = await makeProfile(command, args);
    await writeOutput('output', command.output, `${JSON.stringify(made)}\n`);
    const withoutSample = ({
      sample,
      ...column
    }: ReferenceProfile['features'][number]): object => ({
      ...column,
      sampled: sample.length,
    });
    return {
      json: {
        ...made,
        features: made.features.map(withoutSample),
        ...(made.predictions ? { predictions: withoutSample(made.predictions) } : {}),
      },
      text: () => summary(made),
    };
  },
};
