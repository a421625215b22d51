import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MlflowRun } from '../../watch/mlflow/client';
import { text } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import type { DocumentHead } from '../document';
import { toJson } from '../output';
import { withTemporaryFolder } from '../temporary-folder';
import type { PublishedRun } from './published-run';

/** Options of commands whose results TensorBoard and MLflow can show. */
export const publishOptions = {
  tensorboard: { type: 'string' },
  mlflow: { type: 'string' },
  'mlflow-experiment': { type: 'string' },
} as const;

/** Their lines in a command's help. */
export const publishHelp: readonly string[] = [
  '  --tensorboard DIR    write the figures for TensorBoard, a run for each, below DIR',
  '  --mlflow URI         send them to the MLflow server at URI, a run for each, with the JSON and the',
  '                       page of --report; MLFLOW_TRACKING_TOKEN or _USERNAME and _PASSWORD',
  '  --mlflow-experiment  the experiment that these runs are of (default onlite)',
];

export interface PublishCommand {
  readonly tensorboard?: string;
  readonly mlflow?: string;
  readonly experiment: string;
}

/** @throws UsageError */
export function parsePublishOptions(args: ParsedArguments): PublishCommand {
  const [tensorboard, mlflow] = [text(args, 'tensorboard'), text(args, 'mlflow')];
  const experiment = text(args, 'mlflow-experiment');
  if (mlflow !== undefined && !/^https?:\/\//.test(mlflow)) {
    throw new UsageError(`--mlflow: expected an address of http: or https:, got '${mlflow}'`);
  }
  if (experiment !== undefined && mlflow === undefined) {
    throw new UsageError('--mlflow-experiment: needs --mlflow');
  }
  return {
    experiment: experiment ?? 'onlite',
    ...(tensorboard === undefined ? {} : { tensorboard }),
    ...(mlflow === undefined ? {} : { mlflow }),
  };
}

/** A name of a run as a folder's. */
const folderName = (name: string): string =>
  name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_') || '_';

/** Folders for the runs, each its own: names that differ in other letters alone get numbers. */
function foldersOf(runs: readonly PublishedRun[]): string[] {
  const taken = new Set<string>();
  return runs.map(({ name }) => {
    const plain = folderName(name);
    let folder = plain;
    for (let count = 2; taken.has(folder); count++) folder = `${plain}-${count}`;
    taken.add(folder);
    return folder;
  });
}

async function toTensorBoard(
  folder: string,
  { date }: DocumentHead,
  runs: readonly PublishedRun[],
): Promise<void> {
  const { TensorBoardWriter } = await import('../../watch/tensorboard/writer.js');
  // Each time that a command is run is a run of its own.
  const time = date.replaceAll(/[-:]/g, '').slice(0, 15);
  const folders = foldersOf(runs);
  for (const [index, { parameters, metrics }] of runs.entries()) {
    const writer = new TensorBoardWriter(join(folder, time, folders[index] ?? ''));
    writer.hyperParameters(parameters, [...new Set(metrics.map(({ key }) => key))]);
    for (const { key, value, step = 0, time: at } of metrics) {
      writer.scalar(key, value, { step, ...(at === undefined ? {} : { time: new Date(at) }) });
    }
    await writer.close();
  }
}

async function toMlflow(
  { mlflow = '', experiment }: PublishCommand,
  document: DocumentHead,
  runs: readonly PublishedRun[],
  report: string | undefined,
): Promise<void> {
  const { MlflowClient } = await import('../../watch/mlflow/client.js');
  const client = new MlflowClient({ trackingUri: mlflow });
  await withTemporaryFolder('onlite-mlflow-', async (folder) => {
    const json = join(folder, `${document.format}.json`);
    await writeFile(json, `${toJson(document)}\n`);
    for (const { name, parameters, metrics } of runs) {
      const tags = { onlite: document.versions.onlite, command: document.format };
      const run = await client.startRun(experiment, { name, tags });
      const send = async (to: MlflowRun): Promise<void> => {
        await client.logParameters(to, parameters);
        await client.logMetrics(
          to,
          metrics.map(({ time, ...metric }) => ({
            ...metric,
            ...(time === undefined ? {} : { timestamp: time }),
          })),
        );
        await client.logArtifact(to, json, `${document.format}.json`);
        if (report !== undefined) await client.logArtifact(to, report, `${document.format}.html`);
      };
      await send(run).catch(async (error: unknown) => {
        // What went wrong is said by the error, not by a run that cannot be ended either.
        await client.endRun(run, 'FAILED').catch(() => undefined);
        throw error;
      });
      await client.endRun(run);
    }
  });
}

/**
 * Has TensorBoard and MLflow have what a command found, where they were asked for.
 *
 * @param report - the page that was written, if one was
 * @throws OnliteError ERR_RUN_FAILED where they cannot take it
 */
export async function publish(
  command: PublishCommand,
  document: DocumentHead,
  runs: readonly PublishedRun[],
  report?: string,
): Promise<void> {
  if (command.tensorboard !== undefined) await toTensorBoard(command.tensorboard, document, runs);
  if (command.mlflow !== undefined) await toMlflow(command, document, runs, report);
}
