import { copyFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { InferenceSession } from '../../engine/session/session';
import { optimizeModel, type OptimizedModel } from '../../optimize/simplify/optimize-model';
import type { Feeds } from '../../optimize/simplify/samples';
import { describeSystem, describeVersions } from '../bench/document';
import type { Setting } from '../bench/setting';
import type { Command } from '../command';
import { measureSpeed, type Speed } from '../compare/speed';
import { readSamples } from '../feeds/sample-set';
import { interrupted } from '../interrupted';
import { readModelFile, sha256, type ModelFile } from '../model-file';
import { toJson } from '../output';
import { writeOutput } from '../output-file';
import { withTemporaryFolder } from '../temporary-folder';
import type { OptimizeDocument } from './document';
import { parseOptimizeOptions, type OptimizeCommand } from './options';
import { renderText } from './text';

/** The samples that `--data` names, as many of them as are wanted. */
async function samplesOf({ input, data, samples }: OptimizeCommand): Promise<Feeds[] | undefined> {
  if (data === undefined) return undefined;
  const session = await InferenceSession.create(input, { logSeverityLevel: 4 });
  try {
    const set = await readSamples(data, session.inputMetadata);
    const count = Math.min(set.count, samples ?? Infinity);
    const found: Feeds[] = [];
    for (let index = 0; index < count; index++) found.push(await set.sample(index));
    return found;
  } finally {
    await session.release();
  }
}

async function describeFile(path: string): Promise<ModelFile> {
  const bytes = await readModelFile(path);
  return { path, sha256: sha256(bytes), bytes: bytes.length };
}

/** @param before - the input, or a copy of it where it was replaced */
function measure(
  { output, speed }: OptimizeCommand,
  before: string,
  { sample }: OptimizedModel,
): Promise<Speed> | undefined {
  // The model's own time, without the hand-over to a thread.
  const settings = [before, output].map((model): Setting => ({
    model,
    concurrency: 1,
    api: 'sync',
  }));
  return speed && measureSpeed(settings, ['before', 'after'], [sample, sample], speed);
}

async function optimizeFile(command: OptimizeCommand): Promise<OptimizeDocument> {
  const date = new Date().toISOString();
  const { input, output, level, data } = command;
  return withTemporaryFolder('onlite-optimize-', async (folder) => {
    const before = await describeFile(input);
    const samples = await samplesOf(command);
    const isReplaced = resolve(input) === resolve(output);
    const original = isReplaced ? join(folder, basename(input)) : input;
    if (isReplaced) await copyFile(input, original);
    const interruption = interrupted();
    const optimized = await optimizeModel(input, output, {
      level,
      signal: interruption.signal,
      ...(samples ? { samples } : {}),
    }).finally(interruption.end);
    const speed = await measure(command, original, optimized);
    const { sample: _, ...found } = optimized;
    return {
      format: 'onlite-optimize',
      version: 1,
      date,
      command: process.argv.slice(2),
      machine: describeSystem(),
      versions: describeVersions(),
      input: before,
      output: await describeFile(output),
      source: data ?? 'random',
      ...found,
      ...(speed ? { speed } : {}),
    };
  });
}

export const optimize: Command = {
  name: 'optimize',
  summary: 'make an ONNX model simpler: fewer nodes, no more bytes, the same values',
  usage: 'IN OUT [options]',
  help: [
    'Folds constants, shape arithmetic, BatchNormalization and padding, takes out what does nothing or is',
    'computed twice, and writes the simplest model that gives what the original gives. Inputs, outputs,',
    'dynamic dims, metadata and the version of the operators stay. OUT may be IN; nothing is written',
    'where anything fails. External data stays outside, in OUT.data.',
    '',
    '  --level NAME         portable (default): standard operators, and those of other domains that IN',
    "                       has. runtime: ONNX Runtime's own too, which nothing else runs",
    '  --data D             samples on which both are compared, as of onlite compare (default: random ones)',
    '  --samples N          so many of them (default all)',
    '  --duration S         seconds of measured runs for each model (default 1)',
    '  --processes N        processes for each model (default 5; fewer than 2 give no intervals)',
    '  --no-speed           without load time, latency and memory',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    '  -h, --help           print this',
    '',
    'Exit code: 0 written, 1 failed, 2 wrong command line.',
  ].join('\n'),
  options: {
    level: { type: 'string' },
    data: { type: 'string' },
    samples: { type: 'string' },
    duration: { type: 'string' },
    processes: { type: 'string' },
    'no-speed': { type: 'boolean' },
    save: { type: 'string' },
  },
  async run(args) {
    const command = parseOptimizeOptions(args);
    const document = await optimizeFile(command);
    if (command.save !== undefined) {
      await writeOutput('save', command.save, `${toJson(document)}\n`);
    }
    return { json: document, text: () => renderText(document) };
  },
};
