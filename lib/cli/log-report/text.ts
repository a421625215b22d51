import type { LiveQuality } from '../../watch/accuracy/live-quality';
import { grouped, section, table } from '../output';
import { moment } from '../report/markup';
import type { ReportDocument } from './document';

export const figure = (value: number): string => String(Number(value.toPrecision(4)));
export const percent = (share: number): string => `${Number((share * 100).toPrecision(4))} %`;
/** Rows of a sample have weights, and need not be whole together. */
export const count = (rows: number): string => grouped(Math.round(rows));
export const when = (time: number): string => moment(new Date(time).toISOString());

/** How right a version was, with the interval. */
export function qualityText(quality: LiveQuality | undefined): { name: string; value: string } {
  if (!quality) return { name: 'accuracy', value: '' };
  const [name, value, [low, high], format] =
    'accuracy' in quality
      ? (['accuracy', quality.accuracy, quality.accuracyInterval, percent] as const)
      : ([
          'mean absolute error',
          quality.meanAbsoluteError,
          quality.meanAbsoluteErrorInterval,
          figure,
        ] as const);
  return { name, value: `${format(value)} (${format(low)} to ${format(high)})` };
}

export interface Cells {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function versionCells({ modelVersions }: ReportDocument): Cells {
  const name = qualityText(modelVersions.find(({ quality }) => quality)?.quality).name;
  return {
    header: ['version', 'from', 'to', 'rows', 'errors', name],
    rows: modelVersions.map(({ version, from, to, rows, errors, quality }) => [
      version,
      when(from),
      when(to),
      count(rows),
      count(errors),
      qualityText(quality).value,
    ]),
  };
}

export function errorCells({ errors }: ReportDocument): Cells {
  return {
    header: ['error', 'times', 'first seen', 'last seen', 'example'],
    rows: errors.map(({ kind, count: times, firstSeen, lastSeen, example, unusual = [] }) => {
      const names = unusual.map(({ name, deviations }) => `${name} (${figure(deviations)} σ)`);
      const about = [example.requestId ?? '', `version ${example.version}`, ...names];
      return [
        kind,
        count(times),
        when(firstSeen),
        when(lastSeen),
        about.filter((words) => words !== '').join(', '),
      ];
    }),
  };
}

export function driftCells({ drift }: ReportDocument): Cells {
  const features = drift
    ? [...drift.features, ...(drift.predictions ? [drift.predictions] : [])]
    : [];
  const sorted = features.sort((a, b) => b.stabilityIndex - a.stabilityIndex);
  return {
    header: [
      'feature',
      'method',
      'value',
      'threshold',
      'drifted',
      'stability index',
      'out of range',
    ],
    rows: sorted.map((item) => [
      item.name,
      item.method,
      figure(item.value),
      figure(item.threshold),
      item.drifted ? 'yes' : 'no',
      figure(item.stabilityIndex),
      percent(item.outOfRange),
    ]),
  };
}

const MOST_FEATURES = 10;

export function renderText(document: ReportDocument): string {
  const { model, rows, from, to, unread, labelled } = document;
  const facts = [
    ['model', model],
    ['rows', `${count(rows)}, ${when(from)} to ${when(to)}`],
    ['labelled', count(labelled)],
    ...(unread > 0 ? [['lines that are no rows', count(unread)]] : []),
  ];
  const versions = versionCells(document);
  const errors = errorCells(document);
  const drift = driftCells(document);
  return [
    table(facts, { indent: 0 }),
    '\n',
    section('Versions', versions.rows, { header: versions.header, right: [3, 4] }),
    section('Errors', errors.rows, { header: errors.header, right: [1] }),
    section('Drift', drift.rows.slice(0, MOST_FEATURES), { header: drift.header }),
  ].join('');
}
