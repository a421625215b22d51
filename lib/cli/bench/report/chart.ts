import { at, html, type Markup } from '../../report/markup';
import type { Scale } from './scale';

export const WIDTH = 760;
/** Where the plot lies in a chart, in its own units. */
export const PLOT = { left: 78, right: 16, top: 14, bottom: 46 } as const;

/** A chart with the same facts as a table below it. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What is to be seen, in a sentence. */
  readonly caption: string;
  readonly drawing: Markup;
  readonly height: number;
  readonly legend?: Markup;
  readonly table: Markup;
  /** Points that Tab stops at. */
  readonly points: number;
}

export function xAxis(
  scale: Scale,
  height: number,
  title: string,
  format: (tick: number) => string,
): Markup {
  const bottom = height - PLOT.bottom;
  const ticks = scale.ticks.map(
    (tick) =>
      html`<path class="grid" d="M${at(scale(tick))} ${PLOT.top}V${bottom}" />
        <text x="${at(scale(tick))}" y="${bottom + 18}" text-anchor="middle"
          >${format(tick)}</text
        >`,
  );
  const middle = (PLOT.left + WIDTH - PLOT.right) / 2;
  return html`${ticks}<text class="axis" x="${middle}" y="${height - 6}" text-anchor="middle"
      >${title}</text
    >`;
}

export function yAxis(
  scale: Scale,
  height: number,
  title: string,
  format: (tick: number) => string,
): Markup {
  const ticks = scale.ticks.map(
    (tick) =>
      html`<path class="grid" d="M${PLOT.left} ${at(scale(tick))}H${WIDTH - PLOT.right}" />
        <text x="${PLOT.left - 8}" y="${at(scale(tick) + 4)}" text-anchor="end"
          >${format(tick)}</text
        >`,
  );
  const middle = (PLOT.top + height - PLOT.bottom) / 2;
  return html`${ticks}<text
      class="axis"
      transform="translate(14 ${at(middle)}) rotate(-90)"
      text-anchor="middle"
      >${title}</text
    >`;
}

/** About how wide a letter of a tip is. */
const LETTER = 6.7;

/** A mark that can be focused and pointed at, which then says what it stands for. */
export function point(x: number, y: number, words: string, mark: Markup): Markup {
  const width = words.length * LETTER + 16;
  const left = Math.min(Math.max(x - width / 2, 2), WIDTH - width - 2);
  const top = y > 40 ? y - 36 : y + 12;
  return html`<g class="point" tabindex="0" role="img" aria-label="${words}"
    ><circle class="target" cx="${at(x)}" cy="${at(y)}" r="11" />${mark}<g
      class="tip"
      aria-hidden="true"
      ><rect x="${at(left)}" y="${at(top)}" width="${at(width)}" height="24" rx="5" /><text
        x="${at(left + width / 2)}"
        y="${at(top + 16)}"
        text-anchor="middle"
        >${words}</text
      ></g
    ></g
  >`;
}

export function renderChart(chart: Chart): Markup {
  const { id, title, caption, drawing, height, points } = chart;
  const skip =
    points > 3 &&
    html`<a class="skip" href="#${id}-table">Skip the ${points} points of this chart</a>`;
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    <figure>
      ${skip}${chart.legend}
      <div class="scroll" tabindex="0" role="region" aria-label="${title}: chart">
        <svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="group" aria-labelledby="${id}">
          ${drawing}
        </svg>
      </div>
      <figcaption>${caption}</figcaption>
    </figure>
    <details id="${id}-table">
      <summary>${title} as a table</summary>
      ${chart.table}
    </details>
  </section>`;
}
