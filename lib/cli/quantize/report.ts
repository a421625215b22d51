import { protocolText } from '../bench/text';
import { speedRows, type Rows } from '../compare/text';
import { byteSize } from '../output';
import { html, type Markup } from '../report/markup';
import { renderPage, titleOf } from '../report/page';
import { dataTable } from '../report/table';
import type { QuantizeDocument } from './document';
import { candidateRows, decisionRows, samplesText } from './text';

const table = (caption: string, { header, rows }: Rows, numeric = true): Markup =>
  dataTable(caption, header, rows, { numeric });

interface Part {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

function verdictPart({ candidates, chosen, holds, output }: QuantizeDocument): Part {
  const refused = candidates.flatMap(({ name, refused: faults }) =>
    faults.map((fault) => html`<li>${name}: ${fault}</li>`),
  );
  const word = holds
    ? html`<span class="verdict faster">held</span>`
    : html`<span class="verdict slower">not held</span>`;
  const written = output
    ? `${chosen ?? ''} was written to ${output.path}, ${byteSize(output.bytes)}.`
    : 'Nothing was written.';
  const body = html`<p>${word} ${written}</p>
    <ul>
      ${refused}
    </ul>`;
  return { id: 'verdict', title: 'Verdict', body };
}

function candidatePart(document: QuantizeDocument): Part {
  const body = html`${table('Candidates', candidateRows(document))}
    <p class="sub">
      SQNR is the power of the float model’s values to that of the differences, of the worst output.
      Speed-up is the float model’s median time of a run to the candidate’s, both in one process, in
      turn, with one thread unless another number was asked for.
    </p>`;
  return { id: 'candidates', title: 'Candidates', body };
}

function operatorPart({ candidates }: QuantizeDocument): Part {
  const tables = candidates.map(({ name, decisions }) =>
    table(`Operators of ${name}`, decisionRows(decisions), false),
  );
  return { id: 'operators', title: 'Operators', body: html`${tables}` };
}

function speedPart({ speed, chosen = '' }: QuantizeDocument): Part[] {
  if (!speed) return [];
  const rows = speedRows(['float', chosen], speed.models);
  const body = html`${table('Latency and memory', rows)}
    <p class="sub">Each model in processes of its own, in turn.</p>`;
  return [{ id: 'speed', title: 'Latency and memory', body }];
}

/** The page of a quantisation. */
export function renderReport(document: QuantizeDocument): string {
  const parts = [
    verdictPart(document),
    candidatePart(document),
    ...speedPart(document),
    operatorPart(document),
  ];
  const sections = parts.map(
    ({ id, title, body }) =>
      html`<section aria-labelledby="${id}">
        <h2 id="${id}">${title}</h2>
        ${body}
      </section>`,
  );
  const { input, speed, target } = document;
  return renderPage({
    document,
    title: titleOf([input.path]),
    links: parts,
    models: [input],
    protocol: speed && protocolText(speed),
    main: html`${sections}`,
    footer: `Written by onlite quantize for ${target}. Samples: ${samplesText(document)}.`,
  });
}
