import { PLOT, point, WIDTH, yAxis, type Chart } from '../bench/report/chart';
import { linearScale, logScale, timeTick, type Scale } from '../bench/report/scale';
import { dash, legend, marker, MAX_SERIES, seriesClass } from '../bench/report/series';
import { at, html, type Markup } from '../report/markup';
import { dataTable } from '../report/table';
import type { ReportDocument, Span } from './document';
import { count, figure, percent, when } from './text';

const HEIGHT = 210;
const BOTTOM = HEIGHT - PLOT.bottom;
/** From here on a feature has drifted, as evidently has it. */
const DRIFTED = 0.1;

/** A count of rows, whole unless there are few. */
const amount = (rows: number): string => (rows < 10 ? figure(rows) : count(rows));

/** One value for each span; undefined where there is none. */
interface Series {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
  readonly words: (value: number, span: Span, index: number) => string;
}

/** Where times are: the same in all charts of a page. */
type TimeAxis = (time: number) => number;

export function timeAxis({ spans, spanMs }: ReportDocument): TimeAxis {
  const from = spans[0]?.time ?? 0;
  const to = (spans.at(-1)?.time ?? 0) + spanMs;
  return (time) =>
    PLOT.left + ((time - from) / (to - from || 1)) * (WIDTH - PLOT.right - PLOT.left);
}

/** Times below the plot, with the date where a day begins or the axis does. */
function ticks({ spans, spanMs }: ReportDocument, x: TimeAxis): Markup {
  const from = spans[0]?.time ?? 0;
  const to = (spans.at(-1)?.time ?? 0) + spanMs;
  const steps = Math.max(1, Math.round((to - from) / spanMs));
  const step = Math.max(1, Math.ceil(steps / 6));
  const marks: Markup[] = [];
  let day = '';
  for (let index = 0; index < steps; index += step) {
    const time = from + index * spanMs;
    const iso = new Date(time).toISOString();
    const clock = iso.slice(11, spanMs < 60_000 ? 19 : 16);
    const isNew = iso.slice(0, 10) !== day;
    day = iso.slice(0, 10);
    const place = at(x(time));
    marks.push(
      html`<path class="grid" d="M${place} ${PLOT.top}V${BOTTOM}" /><text
          x="${place}"
          y="${BOTTOM + 17}"
          text-anchor="middle"
          >${spanMs >= 86_400_000 ? day : clock}</text
        >${
          isNew &&
          spanMs < 86_400_000 &&
          html`<text x="${place}" y="${BOTTOM + 33}" text-anchor="middle">${day}</text>`
        }`,
    );
  }
  return html`${marks}`;
}

/** Lines where another version answered for the first time. */
function versionMarks({ modelVersions }: ReportDocument, x: TimeAxis): Markup {
  const marks = modelVersions.slice(1).map(({ version, from }) => {
    const place = x(from);
    const isRight = place > WIDTH - 120;
    return html`<path class="mark" d="M${at(place)} ${PLOT.top}V${BOTTOM}" /><text
        class="axis"
        x="${at(place + (isRight ? -5 : 5))}"
        y="${PLOT.top - 4}"
        text-anchor="${isRight ? 'end' : 'start'}"
        >version ${version}</text
      >`;
  });
  return html`${marks}`;
}

const middle = ({ time }: Span, { spanMs }: ReportDocument): number => time + spanMs / 2;

/** A line through the spans that have a value, with a gap where spans are missing. */
function path(series: Series, document: ReportDocument, x: TimeAxis, y: Scale): string {
  let isOpen = false;
  let last = -Infinity;
  return document.spans
    .map((span, index) => {
      const value = series.values[index];
      if (span.time - last > document.spanMs) isOpen = false;
      last = span.time;
      if (value === undefined) {
        isOpen = false;
        return '';
      }
      const command = isOpen ? 'L' : 'M';
      isOpen = true;
      return `${command}${at(x(middle(span, document)))} ${at(y(value))}`;
    })
    .join('');
}

interface Lines {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly series: readonly Series[];
  readonly axis: string;
  readonly format: (value: number) => string;
  readonly scale: Scale;
  /** Drawn behind the lines. */
  readonly behind?: Markup;
  readonly whiskers?: (series: number, span: Span) => readonly [number, number] | undefined;
}

function lineChart(lines: Lines, document: ReportDocument, x: TimeAxis): Chart {
  const { id, title, caption, axis, format, scale, whiskers } = lines;
  const shown = lines.series.slice(0, MAX_SERIES);
  let points = 0;
  const groups = shown.map((series, index) => {
    const marks = document.spans.map((span, place) => {
      const value = series.values[place];
      if (value === undefined) return html``;
      points++;
      const [left, top] = [x(middle(span, document)), scale(value)];
      const range = whiskers?.(index, span);
      const whisker =
        range &&
        html`<path
          class="whisker"
          d="M${at(left)} ${at(scale(range[0]))}V${at(scale(range[1]))}"
        />`;
      const words = `${series.name}, ${when(span.time)}: ${series.words(value, span, index)}`;
      return point(left, top, words, html`${whisker}${marker(index, left, top)}`);
    });
    const line = path(series, document, x, scale);
    return html`<g class="${seriesClass(index)}"
      ><path class="line" d="${line}" stroke-dasharray="${dash(index)}" />${marks}</g
    >`;
  });
  const header = ['from', ...lines.series.map(({ name }) => name)];
  const rows = document.spans.map((span, place) => [
    when(span.time),
    ...lines.series.map(({ values }) => {
      const value = values[place];
      return value === undefined ? '' : format(value);
    }),
  ]);
  return {
    id,
    title,
    caption,
    height: HEIGHT,
    legend: legend(lines.series.map(({ name }) => name)),
    points,
    drawing: html`${ticks(document, x)}${yAxis(scale, HEIGHT, axis, format)}${versionMarks(document, x)}${lines.behind}<g
        class="points"
        >${groups}</g
      >`,
    table: dataTable(title, header, rows),
  };
}

const range = [BOTTOM, PLOT.top] as const;
const greatest = (values: readonly (number | undefined)[]): number =>
  values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);

const errorsOf = ({ errors }: Span): number =>
  Object.values(errors).reduce((sum, times) => sum + times, 0);

function requestChart(document: ReportDocument, x: TimeAxis): Chart {
  const { spans } = document;
  const series: Series[] = [
    { name: 'requests', values: spans.map(({ rows }) => rows), words: amount },
    { name: 'errors', values: spans.map(errorsOf), words: amount },
  ];
  return lineChart(
    {
      id: 'requests',
      title: 'Requests',
      caption: 'Rows that the model was asked about, and those that failed, in each span of time.',
      series,
      axis: 'rows',
      format: amount,
      scale: linearScale(greatest(spans.map(({ rows }) => rows)), range),
    },
    document,
    x,
  );
}

function errorChart(document: ReportDocument, x: TimeAxis): Chart[] {
  const { spans, errors } = document;
  if (errors.length === 0) return [];
  const series = errors.map(({ kind }): Series => ({
    name: kind,
    values: spans.map((span) => span.errors[kind] ?? 0),
    words: amount,
  }));
  return [
    lineChart(
      {
        id: 'errors-over-time',
        title: 'Errors by kind',
        caption: 'Errors of each kind in each span of time.',
        series,
        axis: 'errors',
        format: amount,
        scale: linearScale(greatest(series.flatMap(({ values }) => values)), range),
      },
      document,
      x,
    ),
  ];
}

function qualityChart(document: ReportDocument, x: TimeAxis): Chart[] {
  const { spans, modelVersions } = document;
  const found = spans.flatMap(({ quality }) => quality);
  if (found.length === 0) return [];
  const isRegression = found.some(({ meanAbsoluteError }) => meanAbsoluteError !== undefined);
  const format = isRegression ? figure : percent;
  const of = (span: Span, version: string): Span['quality'][0] | undefined =>
    span.quality.find((item) => item.version === version);
  const labelled = modelVersions.filter(({ version }) =>
    found.some((item) => item.version === version),
  );
  const series = labelled.map(({ version }): Series => ({
    name: `version ${version}`,
    values: spans.map((span) => {
      const item = of(span, version);
      return item?.accuracy ?? item?.meanAbsoluteError;
    }),
    words: (value, span) => `${format(value)} of ${of(span, version)?.rows ?? 0} labelled rows`,
  }));
  return [
    lineChart(
      {
        id: 'quality',
        title: isRegression ? 'Mean absolute error' : 'Accuracy',
        caption: 'By version, of the rows whose labels have come, with 95 % intervals.',
        series,
        axis: isRegression ? 'error' : 'accuracy',
        format,
        scale: linearScale(
          isRegression ? greatest(found.map(({ interval }) => interval[1])) : 1,
          range,
        ),
        whiskers: (index, span) => of(span, labelled[index]?.version ?? '')?.interval,
      },
      document,
      x,
    ),
  ];
}

function driftChart(document: ReportDocument, x: TimeAxis): Chart[] {
  const { spans } = document;
  const worst = new Map<string, number>();
  for (const { drift = {} } of spans) {
    for (const [name, value] of Object.entries(drift)) {
      worst.set(name, Math.max(worst.get(name) ?? 0, value));
    }
  }
  if (worst.size === 0) return [];
  const names = [...worst].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const series = names.map((name): Series => ({
    name,
    values: spans.map(({ drift }) => drift?.[name]),
    words: figure,
  }));
  const scale = linearScale(Math.max(DRIFTED, ...worst.values()), range);
  return [
    lineChart(
      {
        id: 'drift-over-time',
        title: 'Drift',
        caption: `Each feature’s stability index against the profile, the most drifted first; the line is at ${DRIFTED}.`,
        series,
        axis: 'stability index',
        format: figure,
        scale,
        behind: html`<path
          class="threshold"
          d="M${PLOT.left} ${at(scale(DRIFTED))}H${WIDTH - PLOT.right}"
        />`,
      },
      document,
      x,
    ),
  ];
}

function latencyChart(document: ReportDocument, x: TimeAxis): Chart[] {
  const { spans } = document;
  const quantiles = ['p50', 'p90', 'p99'] as const;
  const series = quantiles.map((name): Series => ({
    name,
    values: spans.map(({ latencyMs }) => latencyMs && Math.max(1, latencyMs[name] * 1e6)),
    words: timeTick,
  }));
  const all = series.flatMap(({ values }) => values.filter((value) => value !== undefined));
  if (all.length === 0) return [];
  const ends = [Math.min(...all), Math.max(...all)] as const;
  return [
    lineChart(
      {
        id: 'latency',
        title: 'Latency',
        caption: 'Quantiles of what each request took, in each span of time.',
        series,
        axis: 'latency',
        format: timeTick,
        scale: logScale(ends, range),
      },
      document,
      x,
    ),
  ];
}

/** The charts of a report, all on one time axis. */
export function chartsOf(document: ReportDocument): Chart[] {
  const x = timeAxis(document);
  return [
    requestChart(document, x),
    ...errorChart(document, x),
    ...qualityChart(document, x),
    ...driftChart(document, x),
    ...latencyChart(document, x),
  ];
}
