import { at, html, type Markup } from '../report/markup';
import { renderPage, titleOf } from '../report/page';
import { sectionsOf, type Part } from '../report/parts';
import { dataTable } from '../report/table';
import type { ExplainDocument } from './document';
import { picture } from './picture';
import { COLUMN, figure, headline, nameOf, placeWord, ranked } from './text';

/** Features beyond these are in the JSON. */
const MAX_BARS = 40;

/** Bars from a middle line, to the right for what is above 0. */
function bar(value: number, most: number): Markup {
  const share = (50 * Math.abs(value)) / (most || 1);
  const kind = value < 0 ? 'against' : 'for';
  return html`<svg class="signed ${kind}" width="100%" height="14" aria-hidden="true">
    <rect x="${at(value < 0 ? 50 - share : 50)}%" width="${at(share)}%" y="1" height="12" rx="2" />
    <line x1="50%" x2="50%" y1="0" y2="14" />
  </svg>`;
}

function bars(
  document: ExplainDocument,
  caption: string,
  values: readonly number[],
  details: (index: number) => string,
): Markup {
  const order = ranked(values).slice(0, MAX_BARS);
  const most = Math.abs(values[order[0] ?? 0] ?? 0);
  const rows = order.map((index) => [
    nameOf(document, index),
    details(index),
    figure(values[index] ?? NaN),
    bar(values[index] ?? 0, most),
  ]);
  const detail = document.method === 'permutation' ? 'deviation' : 'value';
  const header = [placeWord(document), detail, COLUMN[document.method], ''];
  return html`<div class="signs">${dataTable(caption, header, rows)}</div>`;
}

function explanationParts(document: ExplainDocument): Part[] {
  const { explanations, image } = document;
  return explanations.map((item, index): Part => {
    const title = headline(item);
    const exactness =
      item.isExact === false
        ? html`<p class="sub">Estimated from some of the sets of features.</p>`
        : html``;
    const body = image
      ? picture(item, image, `what of the input ${title} depends on`)
      : bars(document, title, item.values, (feature) => figure(item.input[feature] ?? NaN));
    return { id: `explanation-${index}`, title, body: html`${body}${exactness}` };
  });
}

function importancePart(document: ExplainDocument): Part[] {
  const { importance } = document;
  if (!importance) return [];
  const { measure, score, rows, repeats, values, deviations } = importance;
  const caption = `What of ${measure}, ${figure(score)} on ${rows} rows, is lost where a feature is shuffled, on average over ${repeats} times`;
  const body = bars(document, caption, values, (index) => figure(deviations[index] ?? NaN));
  return [{ id: 'importance', title: 'Importance', body }];
}

const METHOD = {
  shap: 'Kernel SHAP: the score is the average over the background and what each feature adds to it.',
  occlusion: 'Occlusion: what the score loses, on average, where squares cover a pixel.',
  permutation:
    'Permutation importance: what is lost where one feature’s values are exchanged between rows.',
} as const;

/** The page of explanations. */
export function renderReport(document: ExplainDocument): string {
  const parts = [...explanationParts(document), ...importancePart(document)];
  return renderPage({
    document,
    title: titleOf([document.model.path]),
    links: parts,
    models: [document.model],
    protocol: undefined,
    main: html`<p>${METHOD[document.method]} Output: ${document.output}.</p>
      ${sectionsOf(parts)}`,
    footer: `Written by onlite explain. Samples: ${document.source}.`,
  });
}
