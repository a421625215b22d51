import { grouped, nanoseconds } from '../../output';
import type { MeasuredSetting } from '../result';
import { labelsOf } from '../setting';
import { perSecond } from '../text';
import { dataTable } from '../../report/table';
import { PLOT, point, WIDTH, xAxis, yAxis, type Chart } from './chart';
import { at, html, type Markup } from '../../report/markup';
import { linearScale, type Scale } from './scale';
import { dash, legend, marker, MAX_SERIES, seriesClass } from './series';

const HEIGHT = 340;
const MAX_BARS = 24;

/** Settings that differ in concurrency alone. */
interface Curve {
  readonly label: string;
  readonly settings: readonly MeasuredSetting[];
}

function curvesOf(settings: readonly MeasuredSetting[]): Curve[] {
  const groups = new Map<string, MeasuredSetting[]>();
  for (const setting of settings) {
    const { concurrency: _, ...rest } = setting.setting;
    const key = JSON.stringify(rest);
    const group = groups.get(key) ?? [];
    // The same thing measured twice is a curve of its own.
    const again = group.some((other) => other.setting.concurrency === setting.setting.concurrency);
    groups.set(again ? `${key} ${setting.label}` : key, [...(again ? [] : group), setting]);
  }
  const curves = [...groups.values()];
  const labels = labelsOf(
    curves.map(([first]) => ({ model: '', api: 'run', ...first?.setting, concurrency: 1 })),
  );
  return curves.map((group, index) => ({ label: labels[index] ?? '', settings: group }));
}

/** Equal steps between the values that were measured. */
function ordinalScale(values: readonly number[]): Scale {
  const [start, end] = [PLOT.left + 30, WIDTH - PLOT.right - 30];
  const step = values.length > 1 ? (end - start) / (values.length - 1) : 0;
  const position = (value: number): number =>
    values.length > 1 ? start + values.indexOf(value) * step : (start + end) / 2;
  return Object.assign(position, { ticks: values });
}

function table(settings: readonly MeasuredSetting[]): Markup {
  const header = ['setting', 'in flight', 'at once', 'runs/s', '95 % interval', 'p50', 'CPUs busy'];
  const rows = settings.map(({ label, setting, measured }) => {
    const { throughput, sessionConcurrency, latency, cpu } = measured;
    const [low, high] = throughput.interval;
    const p50 = latency.percentiles.find(({ percentile }) => percentile === 50)?.value;
    return [
      label,
      String(setting.concurrency),
      String(sessionConcurrency),
      perSecond(throughput.runsPerSecond),
      `${perSecond(low)} – ${perSecond(high)}`,
      p50 === undefined ? '—' : nanoseconds(p50),
      cpu.processors.toFixed(2),
    ];
  });
  return dataTable('Throughput, median of the blocks', header, rows);
}

function drawCurve(
  { label, settings }: Curve,
  index: number,
  x: Scale,
  y: Scale,
  many: boolean,
): {
  line: Markup;
  marks: Markup[];
} {
  const sorted = [...settings].sort((a, b) => a.setting.concurrency - b.setting.concurrency);
  const places = sorted.map(({ setting, measured }) => ({
    left: x(setting.concurrency),
    top: y(measured.throughput.runsPerSecond),
    setting,
    measured,
  }));
  const path = places.map(
    ({ left, top }, step) => `${step === 0 ? 'M' : 'L'}${at(left)} ${at(top)}`,
  );
  const line = html`<path
    class="line ${seriesClass(index)}"
    stroke-dasharray="${dash(index)}"
    d="${path.join('')}"
  />`;
  const marks = places.map(({ left, top, setting, measured }) => {
    const { interval, runsPerSecond } = measured.throughput;
    const [low, high] = interval;
    const whisker = html`<path
      class="whisker"
      d="M${at(left)} ${at(y(low))}V${at(y(high))}M${at(left - 3)} ${at(y(low))}h6M${at(left - 3)} ${at(y(high))}h6"
    />`;
    const words = `${many ? `${label}: ` : ''}${setting.concurrency} in flight, ${perSecond(runsPerSecond)} runs/s`;
    const mark = point(left, top, words, html`${whisker}${marker(index, left, top)}`);
    return html`<g class="${seriesClass(index)}">${mark}</g>`;
  });
  return { line, marks };
}

/** Bars, where every setting has as many runs in flight: there is no curve then. */
function barChart(settings: readonly MeasuredSetting[]): Chart {
  const row = 46;
  const shown = settings.slice(0, MAX_BARS);
  const height = shown.length * row + PLOT.bottom + 8;
  const most = Math.max(...shown.map(({ measured }) => measured.throughput.interval[1]));
  const x = linearScale(most, [16, WIDTH - 30]);
  const bars = shown.map(({ label, measured }, index) => {
    const { runsPerSecond, interval } = measured.throughput;
    const [low, high] = interval;
    const top = PLOT.top + index * row;
    const middle = top + 25;
    const words = `${label}: ${perSecond(runsPerSecond)} runs/s (${perSecond(low)} – ${perSecond(high)})`;
    const mark = html`<rect
        class="column"
        x="${at(x(0))}"
        y="${top + 16}"
        width="${at(x(runsPerSecond) - x(0))}"
        height="18"
        rx="2"
      /><path
        class="interval"
        d="M${at(x(low))} ${middle}H${at(x(high))}M${at(x(low))} ${middle - 4}v8M${at(x(high))} ${middle - 4}v8"
      />`;
    return html`<text x="16" y="${top + 10}">${label}, ${perSecond(runsPerSecond)} runs/s</text
      >${point(x(runsPerSecond), middle, words, mark)}`;
  });
  return {
    id: 'throughput',
    title: 'Throughput',
    caption: 'Runs a second, median of the blocks with its 95 % interval.',
    drawing: html`${xAxis(x, height, 'runs/s', (tick) => grouped(Number(tick.toPrecision(6))))}<g
        class="points"
        >${bars}</g
      >`,
    height,
    table: table(settings),
    points: shown.length,
  };
}

/** Runs a second against runs in flight; undefined for one setting, which is a number. */
export function throughputChart(settings: readonly MeasuredSetting[]): Chart | undefined {
  if (settings.length < 2) return undefined;
  const [first] = settings;
  if (settings.every(({ setting }) => setting.concurrency === first?.setting.concurrency)) {
    return barChart(settings);
  }
  const curves = curvesOf(settings);
  const shown = curves.slice(0, MAX_SERIES);
  const all = shown.flatMap((curve) => curve.settings);
  const values = [...new Set(all.map(({ setting }) => setting.concurrency))].sort((a, b) => a - b);
  const x = ordinalScale(values);
  const most = Math.max(...all.map(({ measured }) => measured.throughput.interval[1]));
  const y = linearScale(most, [HEIGHT - PLOT.bottom, PLOT.top]);
  const drawn = shown.map((curve, index) => drawCurve(curve, index, x, y, shown.length > 1));
  const drawing = html`${xAxis(x, HEIGHT, 'runs in flight', String)}${yAxis(y, HEIGHT, 'runs/s', (tick) => grouped(Number(tick.toPrecision(6))))}<g
      >${drawn.map(({ line }) => line)}</g
    ><g class="points">${drawn.flatMap(({ marks }) => marks)}</g>`;
  return {
    id: 'throughput',
    title: 'Throughput against concurrency',
    caption:
      'Runs a second, median of the blocks with its 95 % interval, for each number of runs in ' +
      'flight. A curve that has become flat has used what the processors give; more in flight ' +
      'then only wait longer.',
    drawing,
    height: HEIGHT,
    legend: legend(curves.map(({ label }) => label)),
    table: table(settings),
    points: drawn.flatMap(({ marks }) => marks).length,
  };
}
