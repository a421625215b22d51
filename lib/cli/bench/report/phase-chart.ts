import { nanoseconds } from '../../output';
import { PHASES, type PhaseName } from '../protocol';
import type { MeasuredSetting } from '../result';
import { dataTable } from '../../report/table';
import { point, WIDTH, type Chart } from './chart';
import { at, html, type Markup } from '../../report/markup';
import { MAX_SERIES } from './series';

const ROW = 46;
const LEFT = 16;
const MEANINGS: Readonly<Record<PhaseName, string>> = {
  queue: 'waiting for a thread',
  bind: 'inputs to the runtime',
  invoke: 'inside the runtime',
  fetch: 'outputs out of it',
  total: 'all of it',
};

interface Part {
  readonly name: string;
  readonly mean: number;
}

/** The means of the parts, which add up, and what is left of the whole. */
function parts({ measured }: MeasuredSetting): Part[] {
  const { phases } = measured;
  const known = PHASES.filter((phase) => phase !== 'total').flatMap((name) => {
    const figures = phases[name];
    return figures ? [{ name, mean: figures.mean }] : [];
  });
  const sum = known.reduce((total, { mean }) => total + mean, 0);
  const rest = (phases.total?.mean ?? sum) - sum;
  return rest > 0 ? [...known, { name: 'handover', mean: rest }] : known;
}

const NAMES = ['queue', 'bind', 'invoke', 'fetch', 'handover'];

function row(
  setting: MeasuredSetting,
  index: number,
  longest: number,
): { bar: Markup; count: number } {
  const top = index * ROW;
  const width = WIDTH - 2 * LEFT;
  let left = LEFT;
  const own = parts(setting);
  const total = own.reduce((sum, { mean }) => sum + mean, 0);
  const marks = own.map(({ name, mean }) => {
    const length = (mean / longest) * width;
    const words = `${setting.label}, ${name}: ${nanoseconds(mean)}, ${((100 * mean) / total).toFixed(1)} %`;
    const mark = html`<rect
      class="part ${name}"
      x="${at(left)}"
      y="${top + 20}"
      width="${at(Math.max(length, 0.5))}"
      height="18"
    />`;
    const middle = left + length / 2;
    left += length;
    return point(middle, top + 29, words, mark);
  });
  const title = html`<text x="${LEFT}" y="${top + 13}"
    >${setting.label}, ${nanoseconds(total)}</text
  >`;
  return { bar: html`${title}${marks}`, count: marks.length };
}

function table(settings: readonly MeasuredSetting[]): Markup {
  const header = ['setting and phase', 'runs', 'mean', 'p50', 'p99'];
  const rows = settings.flatMap(({ label, measured }) =>
    PHASES.flatMap((phase) => {
      const figures = measured.phases[phase];
      if (!figures) return [];
      const { count, mean, p50, p99 } = figures;
      return [[`${label}: ${phase}`, String(count), ...[mean, p50, p99].map(nanoseconds)]];
    }),
  );
  return dataTable('Phases of a run', header, rows);
}

/** Where a run's time goes, by the means of its phases; undefined if nothing was recorded. */
export function phaseChart(settings: readonly MeasuredSetting[]): Chart | undefined {
  const recorded = settings.filter((setting) => parts(setting).length > 0);
  if (recorded.length === 0) return undefined;
  const shown = recorded.slice(0, MAX_SERIES);
  const longest = Math.max(
    ...shown.map((setting) => parts(setting).reduce((sum, { mean }) => sum + mean, 0)),
  );
  const rows = shown.map((setting, index) => row(setting, index, longest));
  const present = NAMES.filter((name) =>
    shown.some((setting) => parts(setting).some((part) => part.name === name)),
  );
  const items = present.map((name) => {
    const meaning = name === 'handover' ? 'back to JavaScript' : MEANINGS[name as PhaseName];
    return html`<li>
      <svg width="14" height="14" aria-hidden="true">
        <rect class="part ${name}" x="1" y="1" width="12" height="12" /></svg
      >${name}: ${meaning}
    </li>`;
  });
  return {
    id: 'phases',
    title: 'Phases of a run',
    caption:
      'Mean time of each part of a run, as the addon recorded it. The latencies above are ' +
      'measured around the call and hold the turn of the event loop as well.',
    drawing: html`<g class="points">${rows.map(({ bar }) => bar)}</g>`,
    height: shown.length * ROW + 4,
    legend: html`<ul class="legend">
      ${items}
    </ul>`,
    table: table(recorded),
    points: rows.reduce((sum, { count }) => sum + count, 0),
  };
}
