import type { Rows } from '../compare/text';
import { guardedPage, guardedPart, speedPart, verdictPart } from '../guard/report';
import { verdictOf } from '../guard/text';
import { html } from '../report/markup';
import type { Part } from '../report/parts';
import { dataTable } from '../report/table';
import type { PruneDocument } from './document';
import {
  candidateRows,
  channelRows,
  layerRows,
  productsText,
  samplesOf,
  shownCandidate,
  ZEROS_NOTE,
} from './text';

function part(
  { id, title }: { readonly id: string; readonly title: string },
  { header, rows }: Rows,
  note = '',
): Part {
  const body = html`${dataTable(title, header, rows, { numeric: id === 'weights' })}
    <p class="sub">${note}</p>`;
  return { id, title, body };
}

/** The page of a pruning. */
export function renderReport(document: PruneDocument): string {
  const { speed, channels, chosen = 'pruned' } = document;
  const layers = layerRows(shownCandidate(document)?.layers ?? []);
  const parts = [
    verdictPart(verdictOf(document)),
    guardedPart('Candidates', candidateRows(document)),
    ...speedPart(['original', chosen], speed),
    ...(channels
      ? [part({ id: 'channels', title: 'Channels' }, channelRows(document), productsText(document))]
      : []),
    part({ id: 'weights', title: 'Weights' }, layers, channels ? '' : ZEROS_NOTE),
  ];
  return guardedPage(document, parts, `Written by onlite prune. Samples: ${samplesOf(document)}.`);
}
