import type { FigureParts } from '../bench/text';
import { html, type Markup } from './markup';

/** A figure with its interval below it. */
export const withInterval = ({ value, interval }: FigureParts): Markup =>
  html`${value}${interval !== '' && html`<small>${interval}</small>`}`;

/** A table whose first column names the rows; the others are numbers. */
export function dataTable(
  caption: string,
  header: readonly string[],
  rows: readonly (readonly (string | Markup)[])[],
  { numeric = true }: { readonly numeric?: boolean } = {},
): Markup {
  const head = header.map((cell) => html`<th scope="col">${cell}</th>`);
  const body = rows.map(
    ([first = '', ...cells]) =>
      html`<tr>
        <th scope="row">${first}</th>
        ${cells.map((cell) => html`<td>${cell}</td>`)}
      </tr>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${numeric ? 'numeric' : 'words'}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}
