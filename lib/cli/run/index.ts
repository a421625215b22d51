import { OnliteError } from '../../errors';
import { useInstalledProviders } from '../../engine/runtime/installed-providers';
import type { ValueMetadata } from '../../engine/session/metadata';
import { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { onlyPositional, text, texts, wholeNumber } from '../arguments';
import type { Command, CommandResult, ParsedArguments } from '../command';
import { buildFeeds } from '../feeds';
import { decryptOption, keyHelp, keyOptions } from '../model-key';
import { nanoseconds, section, table } from '../output';
import { reportOutputs, type OutputSummary } from './output';
import { statisticsCells } from './statistics';

function sessionOptions(args: ParsedArguments): SessionOptions {
  // What fails is reported below, once; the runtime's own log would repeat it.
  const options: SessionOptions = { logSeverityLevel: 4, ...decryptOption(args) };
  const providers = texts(args, 'provider');
  if (providers.length > 0) options.executionProviders = providers;
  const threads = wholeNumber(args, 'threads', 1);
  if (threads !== undefined) options.intraOpNumThreads = threads;
  return options;
}

function signatureInputs(
  session: InferenceSession,
  key: string | undefined,
): readonly ValueMetadata[] {
  if (key === undefined) return session.inputMetadata;
  const signature = Object.hasOwn(session.signatures, key) ? session.signatures[key] : undefined;
  if (signature) return signature.inputs;
  const known = Object.keys(session.signatures).join(', ') || 'none';
  throw new OnliteError('ERR_INVALID_ARGUMENT', `--signature ${key}: the model has ${known}`);
}

function outputRow(output: OutputSummary): string[] {
  const shape = output.dims ? `[${output.dims.join(', ')}]` : '';
  return [output.name, output.type, shape, ...statisticsCells({ first: [], ...output })];
}

async function runModel(session: InferenceSession, args: ParsedArguments): Promise<CommandResult> {
  const signature = text(args, 'signature');
  const runs = wholeNumber(args, 'runs', 1) ?? 1;
  const feeds = await buildFeeds(signatureInputs(session, signature), {
    inputs: texts(args, 'input'),
    shapes: texts(args, 'shape'),
  });
  const options = signature === undefined ? {} : { signature };
  const results = await session.run(feeds, options);
  for (let done = 1; done < runs; done++) await session.run(feeds, options);
  const outputs = await reportOutputs(Object.entries(results), text(args, 'output'));
  const { engine, executionProviders } = session;
  const timing = session.latency.invoke.snapshot();
  return {
    json: {
      engine,
      executionProviders,
      runs,
      outputs,
      ...(runs > 1 ? { latency: { invoke: timing } } : {}),
    },
    text: () => {
      const header = ['name', 'type', 'shape', 'min', 'max', 'mean', 'first values'];
      const facts = [
        ['engine', engine],
        ['providers', executionProviders.join(', ')],
      ];
      if (runs > 1) {
        const { p50, p99 } = timing;
        const spread = `invoke p50 ${nanoseconds(p50)}, p99 ${nanoseconds(p99)}`;
        facts.push(['timing', `${runs} runs, ${spread}`]);
      }
      const files = outputs.flatMap(({ name, file }) => (file === undefined ? [] : [[name, file]]));
      return [
        `${table(facts, { indent: 0 })}\n`,
        section('Outputs', outputs.map(outputRow), { header, right: [3, 4, 5] }),
        section('Files', files),
      ].join('');
    },
  };
}

export const run: Command = {
  name: 'run',
  summary: 'run a model',
  usage: 'MODEL --input NAME=SOURCE… [options]',
  help: [
    'Runs a model and prints a summary of its outputs.',
    '',
    'Options:',
    '  --input NAME=SOURCE  what to feed, once for each input. SOURCE is a .npy, .npz or .json file,',
    '                       zeros, or random[:SEED]. Without NAME=: for the only input; a .npz or',
    '                       .json file of several inputs feeds them by name; zeros and random feed',
    '                       every input that is not given otherwise.',
    '                       random gives floats in [0, 1), int8 and uint8 over the full range,',
    '                       wider integers and bools 0 or 1; the same for the same seed.',
    '  --shape NAME=SIZES   the shape of a generated input with dynamic dims, e.g. x=1,3,224,224',
    '  --output DIR         write each output as DIR/<name>.npy (sequences and maps as .json)',
    '  --provider NAME      an execution provider or delegate; again for a fallback',
    '  --threads N          threads inside one run',
    '  --signature KEY      run a TensorFlow Lite signature; names are then its own',
    '  --runs N             run N times and print the time of the model itself',
    ...keyHelp,
    '  --json               print JSON',
    '  -h, --help           print this',
  ].join('\n'),
  options: {
    input: { type: 'string', short: 'i', multiple: true },
    shape: { type: 'string', multiple: true },
    output: { type: 'string', short: 'o' },
    provider: { type: 'string', multiple: true },
    threads: { type: 'string' },
    signature: { type: 'string' },
    runs: { type: 'string' },
    ...keyOptions,
  },
  async run(args) {
    const model = onlyPositional(args, 'MODEL');
    await useInstalledProviders(texts(args, 'provider'));
    const session = await InferenceSession.create(model, sessionOptions(args));
    try {
      return await runModel(session, args);
    } finally {
      await session.release();
    }
  },
};
