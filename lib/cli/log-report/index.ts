import { readProfile } from '../../watch/profile/reference-profile';
import { checkOutputs, given, text, wholeNumber } from '../arguments';
import { ProgressLine } from '../bench/progress';
import { UsageError, type Command } from '../command';
import { documentHead } from '../document';
import { invalid } from '../feeds/files';
import { grouped, toJson } from '../output';
import { writeOutput } from '../output-file';
import { parsePublishOptions, publish, publishHelp, publishOptions } from '../publish';
import type { ReportDocument } from './document';
import { History } from './history';
import { jsonLines, loggedRow, logFiles, readLabelFile, type LoggedRow } from './read';
import { renderText } from './text';
import { publishedRuns } from './published';

interface ReportCommand {
  readonly logs: readonly string[];
  readonly model?: string;
  readonly labels?: string;
  readonly profile?: string;
  readonly minRows: number;
}

interface Extent {
  readonly model: string;
  readonly from: number;
  readonly to: number;
  /** Each as many as its weight says. */
  readonly rows: number;
  readonly unread: number;
}

/** Goes through all rows of one model, or of all. */
async function forRows(
  files: readonly string[],
  model: string | undefined,
  take: (row: LoggedRow) => void,
): Promise<number> {
  let unread = 0;
  for (const file of files) {
    for await (const value of jsonLines(file)) {
      const row = loggedRow(value);
      if (!row) unread++;
      else if (model === undefined || row.model === model) take(row);
    }
  }
  return unread;
}

/** What there is, and how many lines have it. */
async function extentOf(
  files: readonly string[],
  model: string | undefined,
): Promise<readonly [extent: Extent, lines: number]> {
  const models = new Set<string>();
  let [from, to, rows, lines] = [Infinity, -Infinity, 0, 0];
  const unread = await forRows(files, model, (row) => {
    models.add(row.model);
    from = Math.min(from, row.time);
    to = Math.max(to, row.time);
    rows += row.weight;
    lines++;
  });
  const [name, second] = models;
  if (name === undefined) {
    const of = model === undefined ? '' : ` of '${model}'`;
    throw invalid(`${files.join(', ')}: no rows${of} that onlite/watch has logged`);
  }
  if (second !== undefined) {
    throw invalid(`--model: the logs are of ${[...models].join(', ')}; which one?`);
  }
  return [{ model: name, from, to, rows, unread }, lines];
}

async function makeReport(command: ReportCommand): Promise<ReportDocument> {
  const head = documentHead('onlite-report');
  const files = await logFiles(command.logs);
  const line = new ProgressLine(process.stderr);
  try {
    const [extent, lines] = await extentOf(files, command.model);
    const history = new History(extent, {
      minRows: command.minRows,
      ...(command.profile === undefined ? {} : { profile: await readProfile(command.profile) }),
      ...(command.labels === undefined ? {} : { labels: await readLabelFile(command.labels) }),
    });
    let done = 0;
    await forRows(files, extent.model, (row) => {
      history.add(row);
      if (++done % 1000 === 0) line.show(`${grouped(done)} of ${grouped(lines)} lines`);
    });
    return { ...head, files, ...extent, ...history.result() };
  } finally {
    line.clear();
  }
}

export const report: Command = {
  name: 'report',
  summary: 'make a page of how a model does from the logs that onlite/watch writes',
  usage: 'LOGS… [options]',
  help: [
    'Reads logs of predictions (.jsonl, .parquet, or folders of them, rotated ones too) and shows on one axis',
    'of time requests, errors by kind, accuracy by version, drift by feature and latency, with marks where',
    'versions changed.',
    '',
    '  --output FILE.html   write a page; it needs nothing but a browser',
    '  --labels FILE        lines of {"requestId": …, "label": …}, or the journal of onlite/watch',
    "  --profile FILE       what 'onlite profile' has written, to find drift by",
    '  --min-rows N         rows of a span of time that are compared with the profile (default 100)',
    '  --model NAME         of logs of several models',
    '  --json               print JSON',
    '  --save FILE          write that JSON to a file as well',
    ...publishHelp.map((line) => line.replace('--report', '--output')),
    '  -h, --help           print this',
  ].join('\n'),
  options: {
    output: { type: 'string' },
    labels: { type: 'string' },
    profile: { type: 'string' },
    'min-rows': { type: 'string' },
    model: { type: 'string' },
    save: { type: 'string' },
    ...publishOptions,
  },
  async run(args) {
    const logs = args.positionals;
    if (logs.length === 0) throw new UsageError('LOGS are expected');
    const [labels, profile] = [text(args, 'labels'), text(args, 'profile')];
    const inputs = [labels, profile].filter((file) => file !== undefined);
    checkOutputs(args, ['output', 'save'], [...logs, ...inputs]);
    const publishing = parsePublishOptions(args);
    const document = await makeReport({
      logs,
      minRows: wholeNumber(args, 'min-rows', 1) ?? 100,
      ...given('model', text(args, 'model')),
      ...given('labels', labels),
      ...given('profile', profile),
    });
    const [output, save] = [text(args, 'output'), text(args, 'save')];
    if (save !== undefined) await writeOutput('save', save, `${toJson(document)}\n`);
    if (output !== undefined) {
      const { renderReport } = await import('./page.js');
      await writeOutput('output', output, renderReport(document));
    }
    await publish(publishing, document, publishedRuns(document), output);
    return { json: document, text: () => renderText(document) };
  },
};
