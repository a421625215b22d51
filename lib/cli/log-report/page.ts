import { renderChart } from '../bench/report/chart';
import { html, type Markup } from '../report/markup';
import { renderPage } from '../report/page';
import { sectionsOf, type Part } from '../report/parts';
import { dataTable } from '../report/table';
import { chartsOf } from './charts';
import type { ReportDocument } from './document';
import {
  count,
  driftCells,
  errorCells,
  percent,
  qualityText,
  versionCells,
  when,
  type Cells,
} from './text';

const tile = (name: string, value: string, detail: string): Markup =>
  html`<li class="tile"><small>${name}</small><b>${value}</b><small>${detail}</small></li>`;

/** The figures to see first. */
function tiles({ rows, errors, modelVersions, labelled, drift, from, to }: ReportDocument): Markup {
  const failed = errors.reduce((sum, error) => sum + error.count, 0);
  const last = modelVersions.filter(({ quality }) => quality).at(-1);
  const { name, value } = qualityText(last?.quality);
  const [short = ''] = value.split(' (');
  const drifted = drift?.features.filter((feature) => feature.drifted) ?? [];
  return html`<ul class="tiles">
    ${tile('rows', count(rows), `${when(from)} to ${when(to)}`)}
    ${tile('errors', percent(rows === 0 ? 0 : failed / rows), `${count(failed)} of ${errors.length} kinds`)}
    ${last && tile(name, short, `version ${last.version}; ${count(labelled)} labelled rows in all`)}
    ${
      drift &&
      tile(
        'drifted features',
        `${drifted.length} of ${drift.features.length}`,
        `last ${count(drift.rows)} rows`,
      )
    }
  </ul>`;
}

const part = (id: string, title: string, { header, rows }: Cells): Part[] =>
  rows.length === 0
    ? []
    : [{ id, title, body: dataTable(title, header, rows, { numeric: false }) }];

/** The page of a model's history. */
export function renderReport(document: ReportDocument): string {
  const charts = chartsOf(document);
  const parts = [
    ...part('versions', 'Versions', versionCells(document)),
    ...part('errors', 'Errors', errorCells(document)),
    ...part('drift', 'Drift by feature', driftCells(document)),
  ];
  return renderPage({
    document,
    title: document.model,
    links: [...charts, ...parts],
    models: [],
    protocol: undefined,
    main: html`${tiles(document)}${charts.map(renderChart)}${sectionsOf(parts)}`,
    footer: `Written by onlite report from ${document.files.join(', ')}. Times are UTC.`,
  });
}
