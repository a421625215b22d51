import type { Rows } from '../compare/text';
import { guardedPage, guardedPart, speedPart, verdictPart } from '../guard/report';
import { html, type Markup } from '../report/markup';
import type { Part } from '../report/parts';
import { dataTable } from '../report/table';
import type { OptimizeDocument } from './document';
import {
  LATENCY_NOTE,
  measuredRows,
  operatorRows,
  passRows,
  sizeRows,
  verdictOf,
  verificationText,
} from './text';

const table = (caption: string, { header, rows }: Rows): Markup => dataTable(caption, header, rows);

function sizePart(document: OptimizeDocument): Part {
  const body = html`${table('Size', sizeRows(document))}${table('Operators', operatorRows(document))}`;
  return { id: 'size', title: 'Size and operators', body };
}

function passPart(document: OptimizeDocument): Part {
  const left = document.leftOut.map((what) => html`<li>${what}</li>`);
  const body = html`${table('What was done, and how often', passRows(document))}${
    left.length > 0 &&
    html`<h3>Left out</h3>
      <ul>
        ${left}
      </ul>`
  }`;
  return { id: 'passes', title: 'Passes', body };
}

/** The page of a model that was made simpler. */
export function renderReport(document: OptimizeDocument): string {
  const { level, speed, source } = document;
  const parts = [
    verdictPart(verdictOf(document)),
    sizePart(document),
    passPart(document),
    guardedPart('Before and after', measuredRows(document)),
    ...speedPart(['before', 'after'], speed),
  ];
  const facts = `${verificationText(document)}. ${LATENCY_NOTE}`;
  return guardedPage(
    document,
    parts,
    `Written by onlite optimize, level ${level}; samples: ${source}: ${facts}`,
  );
}
