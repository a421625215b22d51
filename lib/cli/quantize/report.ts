import { guardedPage, guardedPart, speedPart, verdictPart } from '../guard/report';
import { verdictOf } from '../guard/text';
import { html } from '../report/markup';
import type { Part } from '../report/parts';
import { dataTable } from '../report/table';
import type { QuantizeDocument } from './document';
import { bestName, candidateRows, decisionRows, samplesOf } from './text';

function operatorPart({ candidates }: QuantizeDocument): Part {
  const tables = candidates.map(({ name, decisions }) => {
    const { header, rows } = decisionRows(decisions);
    return dataTable(`Operators of ${name}`, header, rows, { numeric: false });
  });
  return { id: 'operators', title: 'Operators', body: html`${tables}` };
}

/** The page of a quantisation. */
export function renderReport(document: QuantizeDocument): string {
  const { speed, target } = document;
  const made = target === undefined ? '' : ` for ${target}`;
  const parts = [
    verdictPart(verdictOf(document)),
    guardedPart('Candidates', candidateRows(document)),
    ...speedPart(['float', bestName(document)], speed),
    operatorPart(document),
  ];
  return guardedPage(
    document,
    parts,
    `Written by onlite quantize${made}. Samples: ${samplesOf(document)}.`,
  );
}
