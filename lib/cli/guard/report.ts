import { protocolText } from '../bench/text';
import type { Speed } from '../compare/speed';
import { speedRows, type Rows } from '../compare/text';
import type { ModelFile } from '../model-file';
import { html } from '../report/markup';
import { renderPage, titleOf, type Page } from '../report/page';
import { sectionsOf, type Part } from '../report/parts';
import { dataTable } from '../report/table';
import { NOTHING_WRITTEN, type Verdict } from './text';

export function verdictPart({ holds, refused, written = NOTHING_WRITTEN }: Verdict): Part {
  const word = holds
    ? html`<span class="verdict faster">held</span>`
    : html`<span class="verdict slower">not held</span>`;
  const body = html`<p>${word}: ${written}.</p>
    <ul>
      ${refused.map((fault) => html`<li>${fault}</li>`)}
    </ul>`;
  return { id: 'verdict', title: 'Verdict', body };
}

/** What was measured of changed models beside the original, in one process. */
export function guardedPart(title: string, { header, rows }: Rows): Part {
  const body = html`${dataTable(title, header, rows)}
    <p class="sub">
      SQNR is the power of the original’s values to that of the differences, of the worst output.
      Speed-up is the original’s median time of a run to the model’s, both in one process, in turn,
      with one thread unless another number was asked for.
    </p>`;
  return { id: 'measured', title, body };
}

/** Latency and memory before and after, each model in processes of its own. */
export function speedPart(labels: readonly string[], speed: Speed | undefined): Part[] {
  if (!speed) return [];
  const { header, rows } = speedRows(labels, speed.models);
  const body = html`${dataTable('Latency and memory', header, rows)}
    <p class="sub">Each model in processes of its own, in turn.</p>`;
  return [{ id: 'speed', title: 'Latency and memory', body }];
}

/** The page of a command that changes one model. */
export function guardedPage(
  document: Page['document'] & { readonly input: ModelFile; readonly speed?: Speed },
  parts: readonly Part[],
  footer: string,
): string {
  const { input, speed } = document;
  return renderPage({
    document,
    title: titleOf([input.path]),
    links: parts,
    models: [input],
    protocol: speed && protocolText(speed),
    main: sectionsOf(parts),
    footer,
  });
}
