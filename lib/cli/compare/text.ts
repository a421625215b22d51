import type { CandidateComparison } from '../../optimize/compare/compare-models';
import type { OutputComparison } from '../../optimize/compare/output-comparison';
import type { Quality } from '../../optimize/compare/quality';
import type { LayerComparison } from '../../optimize/layers/compare-layers';
import { machineFacts, ratioParts } from '../bench/text';
import { bold, byteSize, green, nanoseconds, red, section, table } from '../output';
import type { CompareDocument, LimitVerdict } from './document';
import type { ModelSpeed } from './speed';

/** A figure of four digits. */
export function figure(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isNaN(value)) return '—';
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  return String(Number(value.toPrecision(4)));
}

export const decibels = (value: number): string =>
  Number.isFinite(value) ? `${value.toFixed(1)} dB` : `${figure(value)} dB`;

export const percent = (share: number | undefined): string =>
  share === undefined ? '' : `${(share * 100).toFixed(2)} %`;

/** Rows under their header, in words. */
export interface Rows {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const outputName = ({ name, candidateName }: OutputComparison): string =>
  name === candidateName ? name : `${name} / ${candidateName}`;

/** Leaves out the columns that have nothing in any row. */
function withoutEmpty({ header, rows }: Rows): Rows {
  const isUsed = header.map((_, column) => rows.some((row) => row[column] !== ''));
  const used = <Cell>(cells: readonly Cell[]): Cell[] => cells.filter((_, at) => isUsed[at]);
  return { header: used(header), rows: rows.map(used) };
}

export function outputRows({ outputs }: CandidateComparison): Rows {
  const header = ['output', 'max error', 'mean error', 'cosine', 'SQNR', 'top-1', 'top-5', 'KL'];
  const rows = outputs.map((output) => [
    outputName(output),
    figure(output.difference.maxError),
    figure(output.difference.meanError),
    output.difference.cosine.toFixed(6),
    decibels(output.difference.sqnr),
    percent(output.agreement?.top1),
    percent(output.agreement?.top5),
    figure(output.divergence),
  ]);
  return withoutEmpty({ header, rows });
}

/** Every model's quality: by classes, averaged over them, or by errors. */
export function qualityRows(labels: readonly string[], quality: readonly Quality[]): Rows {
  const [first] = quality;
  if (first?.kind === 'regression') {
    const header = ['model', 'MAE', 'RMSE', 'median error', 'max error', 'R²'];
    const rows = quality.map((item, index) => {
      if (item.kind !== 'regression') return [];
      const { meanAbsoluteError, rootMeanSquaredError, medianAbsoluteError, maxError, r2 } = item;
      const errors = [meanAbsoluteError, rootMeanSquaredError, medianAbsoluteError, maxError, r2];
      return [labels[index] ?? '', ...errors.map(figure)];
    });
    return { header, rows };
  }
  const header = ['model', 'accuracy', 'precision', 'recall', 'F1'];
  const rows = quality.map((item, index) => {
    if (item.kind !== 'classification') return [];
    const { accuracy, macro } = item;
    return [
      labels[index] ?? '',
      ...[accuracy, macro.precision, macro.recall, macro.f1].map(percent),
    ];
  });
  return { header, rows };
}

/** The layers of most noise, or all, in their order. */
export function layerRows({ layers, partsAt }: LayerComparison, most = layers.length): Rows {
  const noisiest = [...layers].sort((a, b) => b.addedNoise - a.addedNoise).slice(0, most);
  const header = ['layer', 'operator', 'max error', 'SQNR', 'added noise', ''];
  const rows = layers
    .filter((layer) => noisiest.includes(layer))
    .map(({ name, operator, difference, addedNoise }) => [
      name,
      operator,
      figure(difference.maxError),
      decibels(difference.sqnr),
      figure(addedNoise),
      name === partsAt ? 'the models part here' : '',
    ]);
  return { header, rows };
}

/** As many layers as a terminal shows. */
const SHOWN_LAYERS = 12;

function layerSection(name: string, comparison: LayerComparison): string {
  const { header, rows } = layerRows(comparison, SHOWN_LAYERS);
  const shown = rows.length < comparison.layers.length ? `the ${rows.length} noisiest of ` : '';
  const title = `Layers of ${name}, ${shown}${comparison.layers.length}`;
  return section(title, rows, { header, right: [2, 3, 4] });
}

const optional = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? '—' : format(value);

export function speedRows(labels: readonly string[], models: readonly ModelSpeed[]): Rows {
  const header = ['model', 'p50', 'p99', 'load', 'peak memory', 'speed-up', '95 % interval'];
  const rows = models.map(({ p50, p99, load, peakMemory, speedup, failed }, index) => {
    const { value = '', interval = failed?.code ?? '' } = speedup ? ratioParts(speedup) : {};
    return [
      labels[index] ?? '',
      optional(p50, nanoseconds),
      optional(p99, nanoseconds),
      optional(load, nanoseconds),
      optional(peakMemory, byteSize),
      value,
      interval,
    ];
  });
  return { header, rows };
}

export const limitWords = ({ limit, bound, model, found }: LimitVerdict): string[] => [
  `--${limit} ${bound}`,
  model,
  found === undefined ? 'not measured' : figure(found),
];

const numbers = ({ header, rows }: Rows): Parameters<typeof table>[1] => ({
  header,
  right: (rows[0] ?? header).map((_, column) => column).slice(1),
});

const tableSection = (title: string, rows: Rows): string =>
  section(title, rows.rows, numbers(rows));

function limitSection(limits: readonly LimitVerdict[]): string {
  if (limits.length === 0) return '';
  const plain = table(limits.map(limitWords)).split('\n');
  // A colour has no width, so the verdict comes last and outside the table.
  const lines = limits.map(
    ({ holds }, index) => `${plain[index] ?? ''}  ${holds ? green('held') : red('not held')}`,
  );
  return `\n${bold('Limits')}\n${lines.join('\n')}\n`;
}

export function renderText(document: CompareDocument): string {
  const { models, comparison, speed, source, limits } = document;
  const labels = models.map(({ label }) => label);
  const facts = [
    ...machineFacts(document),
    ...models.map(({ label, engine, bytes }, index) => [
      index === 0 ? 'reference' : 'candidate',
      `${label}, ${engine}, ${byteSize(bytes)}`,
    ]),
    ['samples', `${comparison.samples}, ${source}`],
  ];
  const parts = comparison.candidates.map((candidate, index) => {
    const title = `${labels[index + 1] ?? ''} compared with ${labels[0] ?? ''}`;
    const left = candidate.notCompared.join(', ');
    return tableSection(title, outputRows(candidate)) + (left && `  not compared: ${left}\n`);
  });
  return [
    `${table(facts, { indent: 0 })}\n`,
    ...parts,
    comparison.quality
      ? tableSection(
          'By the labels, averaged over classes',
          qualityRows(labels, comparison.quality),
        )
      : '',
    ...(document.layers ?? []).map((layers, index) =>
      layerSection(labels[index + 1] ?? '', layers),
    ),
    speed ? tableSection('Latency and memory', speedRows(labels, speed.models)) : '',
    limitSection(limits),
  ].join('');
}
