import { InferenceSession } from '../../engine/session/session';
import { SessionModel } from '../../watch/explain/session-model';
import { ProgressLine, progressBar } from '../bench/progress';
import type { Command } from '../command';
import { documentHead } from '../document';
import { invalid } from '../feeds/files';
import { imageHelp, imageOptions } from '../feeds/image-options';
import { readLabels } from '../feeds/labels';
import { readSamples } from '../feeds/sample-set';
import { interrupted } from '../interrupted';
import { describeFile } from '../model-file';
import { toJson } from '../output';
import { writeOutput } from '../output-file';
import type { ExplainDocument } from './document';
import { explainRows, importanceOf, type Task } from './explain';
import { imageOf } from './image';
import { parseExplainOptions, type ExplainCommand } from './options';
import { renderText } from './text';

async function explainAll(command: ExplainCommand): Promise<ExplainDocument> {
  const head = documentHead('onlite-explain');
  const file = await describeFile(command.model);
  const { provider, names } = command;
  const session = await InferenceSession.create(command.model, {
    // What fails is reported once.
    logSeverityLevel: 4,
    ...(provider === undefined ? {} : { executionProviders: [provider] }),
  });
  const line = new ProgressLine(process.stderr);
  const { signal, end } = interrupted();
  try {
    const set = await readSamples(command.data, session.inputMetadata, { images: command.images });
    const model = new SessionModel(session, await set.sample(0), {
      signal,
      ...(command.output === undefined ? {} : { output: command.output }),
    });
    if (names !== undefined && names.length !== model.width) {
      throw invalid(`--names: expected ${model.width} names, got ${names.length}`);
    }
    const image = imageOf(model);
    const method = command.method ?? (image ? 'occlusion' : 'shap');
    const task: Task = {
      command: { ...command, method },
      set,
      model,
      image,
      options: {
        batchSize: command.batch,
        seed: command.seed,
        signal,
        onProgress: ({ done, total }) =>
          line.show(`${progressBar(done / total)} ${done}/${total} rows`),
      },
    };
    const found =
      method === 'permutation'
        ? {
            explanations: [],
            importance: await importanceOf(
              task,
              await readLabels(command.labels, set.labels, set.count),
            ),
          }
        : { explanations: await explainRows(task) };
    return {
      ...head,
      model: file,
      source: command.data,
      method,
      output: model.output,
      features: names ?? model.names,
      ...(image ? { image } : {}),
      ...found,
    };
  } finally {
    end();
    line.clear();
    await session.release();
  }
}

export const explain: Command = {
  name: 'explain',
  summary: 'say which features, or parts of an image, a prediction depends on',
  usage: 'MODEL DATA [options]',
  help: [
    'Explains predictions of an ONNX or TensorFlow Lite model by asking it about changed inputs. DATA is',
    "as 'onlite compare --data' has it.",
    '',
    '  --method M           shap: what each feature adds, by Kernel SHAP (default for tables; of images',
    '                       by squares); occlusion: what is lost where a square is covered (default for',
    '                       images); permutation: how much worse the model is with a feature shuffled',
    '  --sample N,…         the samples to explain, from 0 (default 0); not of permutation',
    '  --output NAME        the output (default the one with a score for each class, else a number)',
    '  --class N            which of its values (default the greatest)',
    '  --names A,B,…        what the features are called',
    '  --background N       shap: so many of the samples stand for what is not known (default 20; of',
    '                       images the mean of 100)',
    '  --coalitions N       shap: sets of features asked about (default 2 · features + 2048)',
    '  --patch N            the side of a square, in pixels (default an eighth of the shorter side)',
    '  --stride N           occlusion: how far the square moves (default half its side)',
    '  --fill X             occlusion: what the square is filled with (default 0)',
    '  --labels L           permutation: the truth, as of onlite compare; without any, how much the',
    "                       model's own answers change",
    '  --rows N             permutation: on so many rows (default 1000)',
    '  --repeats N          permutation: how often each feature is shuffled (default 5)',
    '  --batch N            rows asked about at a time (default 64)',
    '  --seed N             of what is drawn at random (default 1)',
    '  --provider NAME      an execution provider or delegate',
    ...imageHelp,
    '',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  --report FILE.html   write a page; it needs nothing but a browser',
    '  -h, --help           print this',
  ].join('\n'),
  options: {
    method: { type: 'string' },
    sample: { type: 'string', multiple: true },
    output: { type: 'string' },
    class: { type: 'string' },
    names: { type: 'string' },
    background: { type: 'string' },
    coalitions: { type: 'string' },
    patch: { type: 'string' },
    stride: { type: 'string' },
    fill: { type: 'string' },
    labels: { type: 'string' },
    rows: { type: 'string' },
    repeats: { type: 'string' },
    batch: { type: 'string' },
    seed: { type: 'string' },
    provider: { type: 'string' },
    ...imageOptions,
    save: { type: 'string' },
    report: { type: 'string' },
  },
  async run(args) {
    const command = parseExplainOptions(args);
    const document = await explainAll(command);
    if (command.save !== undefined) {
      await writeOutput('save', command.save, `${toJson(document)}\n`);
    }
    if (command.report !== undefined) {
      const { renderReport } = await import('./report.js');
      await writeOutput('report', command.report, renderReport(document));
    }
    return { json: document, text: () => renderText(document) };
  },
};
