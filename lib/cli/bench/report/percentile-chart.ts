import type { LatencyHistogram } from '../../../engine/latency/latency-histogram';
import { nanoseconds } from '../../output';
import type { MeasuredSetting, PercentileFigure } from '../result';
import { percentileParts, percentileText } from '../text';
import { dataTable, withInterval } from '../../report/table';
import { PLOT, point, WIDTH, xAxis, yAxis, type Chart } from './chart';
import { at, html, type Markup } from '../../report/markup';
import { logScale, percentileScale, timeTick, type Scale } from './scale';
import { dash, legend, marker, MAX_SERIES, seriesClass } from './series';

export interface Distribution {
  readonly setting: MeasuredSetting;
  readonly latency: LatencyHistogram;
}

const HEIGHT = 400;
const STEPS = 160;

/** The greatest percentile that one run of `count` lies beyond. */
const lastPercentile = (count: number): number => 100 * (1 - 1 / Math.max(count, 2));

/** The distribution as a staircase of percentiles, evenly spaced on the axis. */
function curve({ setting, latency }: Distribution, x: Scale, y: Scale): string {
  const last = lastPercentile(setting.measured.latency.count);
  const end = -Math.log10(1 - last / 100);
  const commands: string[] = [];
  for (let step = 0; step <= STEPS; step++) {
    const percent = 100 * (1 - 10 ** (-(end * step) / STEPS));
    const [left, top] = [at(x(percent)), at(y(Math.max(latency.percentile(percent), 1)))];
    commands.push(step === 0 ? `M${left} ${top}` : `L${left} ${top}`);
  }
  commands.push(`V${at(y(setting.measured.latency.max))}`);
  return commands.join('');
}

function whisker({ low, high }: PercentileFigure, x: number, y: Scale): Markup {
  if (low === undefined || high === undefined) return html``;
  const [bottom, top] = [at(y(Math.max(low, 1))), at(y(Math.max(high, 1)))];
  return html`<path
    class="whisker"
    d="M${at(x)} ${bottom}V${top}M${at(x - 3)} ${bottom}h6M${at(x - 3)} ${top}h6"
  />`;
}

function points(
  { setting }: Distribution,
  index: number,
  x: Scale,
  y: Scale,
  many: boolean,
): Markup[] {
  return setting.measured.latency.percentiles.flatMap((figure) => {
    const { percentile, value } = figure;
    if (value === undefined) return [];
    const [left, top] = [x(percentile), y(Math.max(value, 1))];
    const words = `p${percentile} ${percentileText(figure)}`;
    const name = many ? `${setting.label}: ${words}` : words;
    const mark = html`${whisker(figure, left, y)}${marker(index, left, top)}`;
    return [point(left, top, name, mark)];
  });
}

function table(distributions: readonly Distribution[]): Markup {
  const { percentiles = [] } = distributions[0]?.setting.measured.latency ?? {};
  const header = [
    'setting',
    'runs',
    'min',
    ...percentiles.map(({ percentile }) => `p${percentile}`),
  ];
  const rows = distributions.map(({ setting }) => {
    const { latency } = setting.measured;
    return [
      setting.label,
      String(latency.count),
      nanoseconds(latency.min),
      ...latency.percentiles.map((figure) => withInterval(percentileParts(figure))),
      nanoseconds(latency.max),
    ];
  });
  return dataTable('Latency percentiles with 95 % intervals', [...header, 'max'], rows);
}

/** Latency against percentile, both on logarithmic axes. */
export function percentileChart(distributions: readonly Distribution[]): Chart {
  const shown = distributions.slice(0, MAX_SERIES);
  const latencies = shown.map(({ setting }) => setting.measured.latency);
  const counts = latencies.map(({ count }) => count);
  const x = percentileScale(lastPercentile(Math.max(...counts)), [PLOT.left, WIDTH - PLOT.right]);
  const y = logScale(
    [Math.min(...latencies.map(({ min }) => min)), Math.max(...latencies.map(({ max }) => max))],
    [HEIGHT - PLOT.bottom, PLOT.top],
  );
  const lines = shown.map(
    (distribution, index) =>
      html`<path
        class="line ${seriesClass(index)}"
        stroke-dasharray="${dash(index)}"
        d="${curve(distribution, x, y)}"
      />`,
  );
  const marks = shown.map((distribution, index) => {
    return points(distribution, index, x, y, shown.length > 1).map(
      (mark) => html`<g class="${seriesClass(index)}">${mark}</g>`,
    );
  });
  const drawing = html`${xAxis(x, HEIGHT, 'percentile', (tick) => `${tick} %`)}${yAxis(y, HEIGHT, 'latency', timeTick)}<g
      >${lines}</g
    ><g class="points">${marks}</g>`;
  return {
    id: 'latency',
    title: 'Latency distribution',
    caption:
      'Each line says which latency a share of the runs did not exceed; it ends at the slowest ' +
      'run. Both axes are logarithmic, so that 90, 99 and 99.9 % are equally far apart. Bars at ' +
      'the points are 95 % intervals.',
    drawing,
    height: HEIGHT,
    legend: legend(distributions.map(({ setting }) => setting.label)),
    table: table(distributions),
    points: marks.flat().length,
  };
}
