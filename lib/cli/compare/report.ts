import type { ClassificationMetrics } from '../../optimize/measures/classification';
import { protocolText } from '../bench/text';
import { html, type Markup } from '../report/markup';
import { renderPage, titleOf } from '../report/page';
import { sectionsOf, type Part } from '../report/parts';
import { dataTable } from '../report/table';
import type { CompareDocument, LimitVerdict } from './document';
import {
  figure,
  layerRows,
  limitWords,
  outputRows,
  percent,
  qualityRows,
  speedRows,
  type Rows,
} from './text';

/** More classes than this make a confusion matrix that nobody reads. */
const MAX_CLASSES = 30;

const table = (caption: string, { header, rows }: Rows): Markup => dataTable(caption, header, rows);

function limitPart(limits: readonly LimitVerdict[]): Part[] {
  if (limits.length === 0) return [];
  const rows = limits.map((verdict) => {
    const words = verdict.holds
      ? html`<span class="verdict faster">held</span>`
      : html`<span class="verdict slower">not held</span>`;
    return [...limitWords(verdict), words];
  });
  const header = ['limit', 'model', 'found', 'verdict'];
  const body = dataTable('Limits and what was found', header, rows, { numeric: false });
  return [{ id: 'limits', title: 'Limits', body }];
}

function outputPart({ models, comparison }: CompareDocument): Part {
  const reference = models[0]?.label ?? '';
  const tables = comparison.candidates.map((candidate, index) => {
    const left = candidate.notCompared.join(', ');
    const caption = `${models[index + 1]?.label ?? ''} compared with ${reference}`;
    return html`${table(caption, outputRows(candidate))}${left !== '' && html`<p class="sub">Not compared: ${left}</p>`}`;
  });
  const body = html`${tables}
    <p class="sub">
      Over ${comparison.samples} samples. SQNR is the power of the reference’s values to that of the
      differences; top-1 is the share of rows whose first class is the same, top-5 the share whose
      first class is among the other’s five; KL is the divergence from the reference, in nats.
    </p>`;
  return { id: 'outputs', title: 'Outputs', body };
}

function confusion(label: string, { classes, confusionMatrix }: ClassificationMetrics): Markup {
  const names = classes.map((item) => String(item.label));
  const scores = {
    header: ['class', 'precision', 'recall', 'F1', 'rows'],
    rows: classes.map((item) => [
      String(item.label),
      ...[item.precision, item.recall, item.f1].map(percent),
      String(item.support),
    ]),
  };
  const matrix = {
    header: ['label \\ predicted', ...names],
    rows: confusionMatrix.map((counts, row) => [names[row] ?? '', ...counts.map(String)]),
  };
  return html`<h3>${label}</h3>
    ${table(`${label}: classes`, scores)}${
      names.length <= MAX_CLASSES && table(`${label}: confusion matrix`, matrix)
    }`;
}

function qualityPart({ models, comparison: { quality } }: CompareDocument): Part[] {
  if (!quality) return [];
  const labels = models.map(({ label }) => label);
  const details = quality.map((item, index) =>
    item.kind === 'classification' ? confusion(labels[index] ?? '', item) : html``,
  );
  const body = html`${table('By the labels, averaged over classes', qualityRows(labels, quality))}${details}`;
  return [{ id: 'quality', title: 'By the labels', body }];
}

function layerPart({ models, layers }: CompareDocument): Part[] {
  if (!layers) return [];
  const tables = layers.map((found, index) =>
    table(`Layers of ${models[index + 1]?.label ?? ''}, in their order`, layerRows(found)),
  );
  const body = html`${tables}
    <p class="sub">
      Added noise is the power of the differences to that of the reference’s values, beyond that of
      the worst tensor that a layer is computed from.
    </p>`;
  return [{ id: 'layers', title: 'Layers', body }];
}

function speedPart({ models, speed }: CompareDocument): Part[] {
  if (!speed) return [];
  const labels = models.map(({ label }) => label);
  const body = html`${table('Latency and memory', speedRows(labels, speed.models))}
    <p class="sub">
      Each model in processes of its own, in turn. Speed-up is the reference’s median latency to the
      model’s, with its interval by bootstrap over processes and blocks.
    </p>`;
  return [{ id: 'speed', title: 'Latency and memory', body }];
}

const tile = (name: string, value: string, detail: string): Markup =>
  html`<li class="tile"><small>${name}</small><b>${value}</b><small>${detail}</small></li>`;

/** The figures to see first, of each candidate. */
function tiles({ models, comparison, speed }: CompareDocument): Markup {
  const list = comparison.candidates.flatMap(({ outputs }, index) => {
    const label = models[index + 1]?.label ?? '';
    const errors = outputs.map(({ difference }) => difference.maxError);
    const quality = comparison.quality?.[index + 1];
    const speedup = speed?.models[index + 1]?.speedup;
    return [
      tile('greatest error', figure(Math.max(...errors)), label),
      quality?.kind === 'classification' && tile('accuracy', percent(quality.accuracy), label),
      speedup && tile('speed-up', `${figure(speedup.ratio)} ×`, label),
    ];
  });
  return html`<ul class="tiles">
    ${list}
  </ul>`;
}

/** The page of a comparison. */
export function renderReport(document: CompareDocument): string {
  const { models, speed } = document;
  const parts = [
    ...limitPart(document.limits),
    outputPart(document),
    ...qualityPart(document),
    ...layerPart(document),
    ...speedPart(document),
  ];
  return renderPage({
    document,
    title: titleOf(models.map(({ path }) => path)),
    links: parts,
    models,
    protocol: speed && protocolText(speed),
    main: html`${tiles(document)}${sectionsOf(parts)}`,
    footer: `Written by onlite compare. Samples: ${document.source}.`,
  });
}
