import { basename, join } from 'node:path';

import { convertModel, type ConvertResult } from '../../convert/convert-model';
import type { ConvertOptions } from '../../convert/options';
import { planConversion } from '../../convert/plan';
import { assignDefined } from '../../checks';
import { ProgressLine } from '../bench/progress';
import { NOT_HELD, type Command, type CommandResult } from '../command';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { readSamples } from '../feeds/sample-set';
import type { SampleSet } from '../feeds/samples';
import { interrupted } from '../interrupted';
import { toJson } from '../output';
import { writeOutput } from '../output-file';
import { withTemporaryFolder } from '../temporary-folder';
import { askConsent } from './consent';
import { parseConvertOptions, type ConvertCommand } from './options';
import { renderText } from './text';

async function* allOf(set: SampleSet, most: number): AsyncGenerator<never> {
  for (let index = 0; index < Math.min(set.count, most); index++) {
    yield (await set.sample(index)) as never;
  }
}

function optionsOf(command: ConvertCommand, line: ProgressLine): ConvertOptions {
  const { data, samples, images } = command;
  const options: ConvertOptions = {
    shapes: command.shapes,
    dynamicBatch: command.dynamicBatch,
    float16: command.float16,
    trust: command.trust,
    force: command.force,
    consent: (environment) => command.yes || askConsent(environment),
    onStage: (stage) => {
      // pip writes its own lines there.
      if (stage.startsWith('environment')) line.clear();
      else line.show(stage);
    },
  };
  assignDefined(options as { -readonly [Key in keyof ConvertOptions]: ConvertOptions[Key] }, {
    python: command.python,
    opset: command.opset,
    signature: command.signature,
    seed: command.seed,
    maxError: command.maxError,
    threads: command.threads,
    ...(data === undefined
      ? { count: samples }
      : {
          samples: async (inputs) =>
            allOf(await readSamples(data, inputs, { images }), samples ?? Infinity),
        }),
  });
  return options;
}

async function converted(command: ConvertCommand, target: string): Promise<ConvertResult> {
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  try {
    const options = { ...optionsOf(command, line), signal: interruption.signal };
    return await convertModel(command.source, target, options);
  } finally {
    interruption.end();
    line.clear();
  }
}

async function plain(command: ConvertCommand, target: string): Promise<CommandResult> {
  const result = await converted(command, target);
  const exitCode = result.check.holds ? 0 : NOT_HELD;
  return { json: result, text: () => renderText(result), exitCode };
}

/** What was converted goes on to `onlite quantize`, which writes the target. */
async function quantized(command: ConvertCommand, target: string): Promise<CommandResult> {
  const { quantize: method = 'auto', data, samples, threads } = command;
  return withTemporaryFolder('onlite-convert-', async (folder) => {
    const float = join(folder, basename(target));
    const made = await converted(command, float);
    const notes = [
      ...made.notes,
      "the target's size is that of the float model, before onlite quantize",
    ];
    const result = { ...made, notes, target: { ...made.target, path: target } };
    const text = (): string => renderText(result);
    if (!result.written) return { json: result, text, exitCode: NOT_HELD };
    const { quantize } = await import('../quantize/index.js');
    const values: Record<string, string | boolean> = { method };
    assignDefined(values, {
      data,
      samples: samples?.toString(),
      threads: threads?.toString(),
      ...(command.force ? { force: true } : {}),
    });
    const next = await quantize.run({ positionals: [float, target], values });
    return {
      json: { ...result, quantized: next.json },
      text: () => `${text()}\n${next.text()}`,
      exitCode: next.exitCode ?? 0,
    };
  });
}

export const convert: Command = {
  name: 'convert',
  summary: 'make an ONNX or TensorFlow Lite model of one of another framework',
  usage: 'SOURCE [TARGET] [options]',
  reads: 1,
  help: [
    'Converts SOURCE to TARGET, whose extension (.onnx or .tflite) says what it becomes, runs both on',
    'the same inputs and writes TARGET where their outputs agree:',
    '',
    "  Keras (.keras, .h5), SavedModel (its folder)   to .tflite by TensorFlow's converter (default),",
    '                                                 to .onnx by tf2onnx',
    '  scikit-learn (.skops, .joblib, .pkl)           to .onnx by skl2onnx',
    '  PyTorch (.pt2, TorchScript .pt)                to .onnx by torch.onnx',
    '  .onnx                                          to .tflite by onnx2tf',
    '  .tflite                                        to .onnx by tf2onnx',
    '',
    'The converters need Python 3.10 to 3.13. Their packages are fetched on first use, each in an',
    "environment of its own in the user's data folder (ONLITE_DATA_PATH names another one), in pinned",
    "versions by their hashes; 'onlite doctor' says what is there.",
    '',
    'Where it runs:',
    '  -y, --yes            fetch the packages that are missing without asking',
    '  --python PATH        use this Python, which has the packages, and fetch nothing',
    '  --trust              open files that may run code: pickles, which .joblib are too, types that',
    "                       skops does not know, Keras' Lambda layers",
    '',
    'What comes out:',
    '  --shape NAME=SIZES   sizes of an input that the source leaves open or does not have, such as',
    '                       x=1,3,224,224; of TorchScript with a type, ids=1,128:int64',
    '  --dynamic-batch      TorchScript: leave the first dimension of the inputs open',
    '  --opset N            of ONNX (default 18)',
    '  --signature KEY      one of a SavedModel with several (ONNX: default serving_default)',
    '  --float16            TensorFlow Lite with weights of float16',
    "  --quantize METHOD    hand the result to 'onlite quantize --method METHOD', with --data",
    '',
    'How it is checked:',
    "  --data D             samples in the source's terms, as 'onlite compare' takes them; default random",
    '  --samples N          so many of them; random ones of each batch size (default 4)',
    ...imageHelp,
    '  --seed N             the seed of random samples (default 0)',
    '  --max-error X        greatest absolute error (default 0.001 of the greatest value; 0.02 of it with',
    '                       --float16)',
    '  --threads N          threads inside one run',
    '  --force              write the model though it does not hold that',
    '',
    '  --save FILE          write the JSON to a file as well',
    '  --json               print JSON',
    '  -h, --help           print this',
    '',
    'Exit code: 0 converted, 1 failed, 2 wrong command line, 3 the outputs do not agree.',
  ].join('\n'),
  options: {
    yes: { type: 'boolean', short: 'y' },
    python: { type: 'string' },
    trust: { type: 'boolean' },
    shape: { type: 'string', multiple: true },
    'dynamic-batch': { type: 'boolean' },
    opset: { type: 'string' },
    signature: { type: 'string' },
    float16: { type: 'boolean' },
    quantize: { type: 'string' },
    data: { type: 'string' },
    ...imageOptions,
    samples: { type: 'string' },
    seed: { type: 'string' },
    'max-error': { type: 'string' },
    threads: { type: 'string' },
    force: { type: 'boolean' },
    save: { type: 'string' },
  },
  async run(args) {
    const command = parseConvertOptions(args);
    const { target } = await planConversion(command.source, command.target);
    const result = await (command.quantize === undefined ? plain : quantized)(command, target);
    if (command.save !== undefined) {
      await writeOutput('save', command.save, `${toJson(result.json)}\n`);
    }
    return result;
  },
};
