import { at, html, type Markup } from '../../report/markup';

/** Settings that a chart can show apart; the others are in its table. */
export const MAX_SERIES = 8;

/** Shapes as well as colours tell the series apart. */
const MARKERS = [
  'M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z',
  'M-3.6 -3.6H3.6V3.6H-3.6Z',
  'M0 -4.8L4.6 3.6H-4.6Z',
  'M0 -5L5 0L0 5L-5 0Z',
  'M0 4.8L4.6 -3.6H-4.6Z',
  'M-1.5 -5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5Z',
  'M-5 -2.2H5V2.2H-5Z',
  'M-2.2 -5H2.2V5H-2.2Z',
];
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '', '7 3', '2 3', '9 3 2 3'];

export const seriesClass = (index: number): string => `series s${(index % MAX_SERIES) + 1}`;
export const dash = (index: number): string => DASHES[index % MAX_SERIES] ?? '';

export function marker(index: number, x = 0, y = 0): Markup {
  const shape = MARKERS[index % MAX_SERIES] ?? '';
  return html`<path class="marker" d="${shape}" transform="translate(${at(x)} ${at(y)})" />`;
}

/** Names of the series with their colours, shapes and lines; nothing for one alone. */
export function legend(labels: readonly string[], { lines = true } = {}): Markup {
  if (labels.length < 2) return html``;
  const items = labels
    .slice(0, MAX_SERIES)
    .map(
      (label, index) =>
        html`<li class="${seriesClass(index)}">
          <svg width="34" height="14" viewBox="-17 -7 34 14" aria-hidden="true">
            ${
              lines && html`<path class="line" d="M-16 0H16" stroke-dasharray="${dash(index)}" />`
            }${marker(index)}</svg
          >${label}
        </li>`,
    );
  const hidden = labels.length - MAX_SERIES;
  const more = hidden > 0 && html`<li>${hidden} more in the table</li>`;
  return html`<ul class="legend">
    ${items}${more}
  </ul>`;
}
