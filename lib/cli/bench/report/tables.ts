import { byteSize, grouped, nanoseconds } from '../../output';
import type { BaselineComparison } from '../baseline';
import type { BenchDocument } from '../document';
import { METRICS, type Metric, type MetricComparison, type Verdict } from '../metrics';
import type { MeasuredSetting } from '../result';
import { errorsText, perSecond, ratioParts, VERDICTS } from '../text';
import { dataTable, withInterval } from '../../report/table';
import { html, moment, type Markup } from '../../report/markup';

const ratioCells = (metrics: Partial<Record<Metric, MetricComparison>>): Markup[] =>
  METRICS.map((metric) => {
    const comparison = metrics[metric];
    return comparison ? withInterval(ratioParts(comparison)) : html`—`;
  });

const verdictCell = (verdict: Verdict | 'not-comparable'): Markup =>
  html`<span class="verdict ${verdict}">${VERDICTS[verdict]}</span>`;

export function baselineSection(baseline: BaselineComparison): Markup {
  const rows = baseline.verdicts.map(({ label, verdict, reasons, metrics }) => [
    label,
    html`${verdictCell(verdict)}${reasons.map((reason) => html`<br />${reason}`)}`,
    ...ratioCells(metrics),
  ]);
  const changes = baseline.changes.map((change) => html`<li>${change}</li>`);
  const header = [
    'setting',
    `verdict by ${baseline.metric}`,
    ...METRICS.map((name) => `${name}, ratio`),
  ];
  return html`<section aria-labelledby="baseline">
    <h2 id="baseline">Against the baseline</h2>
    <p>
      Compared with <code>${baseline.file}</code> of ${moment(baseline.date)}. A setting is slower
      or faster where the 95 % interval of the ratio lies beyond
      ${(baseline.tolerance * 100).toPrecision(2)} %.
    </p>
    ${
      changes.length > 0 &&
      html`<ul>
        ${changes}
      </ul>`
    }${dataTable('Verdicts; ratios are now to then', header, rows)}
  </section>`;
}

export function comparisonSection({ comparison }: BenchDocument): Markup {
  const [first] = comparison ?? [];
  if (!comparison || !first) return html``;
  const rows = comparison.map(({ label, metrics }) => [
    label,
    verdictCell(metrics.p50?.verdict ?? 'unclear'),
    ...ratioCells(metrics),
  ]);
  const header = ['setting', 'by p50', ...METRICS.map((name) => `${name}, ratio`)];
  return html`<section aria-labelledby="comparison">
    <h2 id="comparison">Side by side</h2>
    <p>
      Ratios to <b>${first.against}</b> with 95 % bootstrap intervals over processes and blocks.
    </p>
    ${dataTable(`Compared with ${first.against}`, header, rows)}
  </section>`;
}

function runsTable(settings: readonly MeasuredSetting[]): Markup {
  const header = [
    'setting',
    'engine',
    'runs',
    'at once',
    'runs/s',
    'event loop p99',
    'failed runs',
  ];
  const rows = settings.map(({ label, measured }) => [
    label,
    `${measured.engine}, ${measured.executionProviders.join(', ')}`,
    grouped(measured.latency.count),
    String(measured.sessionConcurrency),
    throughputText(measured),
    measured.eventLoopDelay ? nanoseconds(measured.eventLoopDelay.p99) : '—',
    errorsText(measured.errors) || '0',
  ]);
  return dataTable('What was run', header, rows);
}

function costTable(settings: readonly MeasuredSetting[]): Markup {
  const header = [
    'setting',
    'load',
    'first run',
    'CPUs busy',
    'CPU a run',
    'memory peak',
    'by loading',
  ];
  const rows = settings.map(({ label, measured: { load, firstRun, cpu, memory } }) => [
    label,
    nanoseconds(load.median),
    nanoseconds(firstRun.median),
    cpu.processors.toFixed(2),
    nanoseconds(cpu.perRunNs),
    byteSize(memory.peak),
    byteSize(Math.max(0, memory.loaded - memory.before)),
  ]);
  return dataTable('What it took beside latency', header, rows);
}

export function settingsSection(settings: readonly MeasuredSetting[]): Markup {
  return html`<section aria-labelledby="settings">
    <h2 id="settings">Settings</h2>
    ${runsTable(settings)}${costTable(settings)}
    <p class="sub">
      Load is from the call to the session, the opening of the runtime’s library included. Memory is
      resident memory of a process of its own; “by loading” is what the model added. The delay of
      the event loop is how late timers of 1 ms fired.
    </p>
  </section>`;
}

export function failures({ settings }: BenchDocument): Markup {
  const failed = settings.flatMap(({ label, failed: error }) => (error ? [{ label, error }] : []));
  if (failed.length === 0) return html``;
  const rows = failed.map(({ label, error }) => [label, error.code, error.message]);
  return html`<section aria-labelledby="failed">
    <h2 id="failed">Failed</h2>
    ${dataTable('Settings that could not be measured', ['setting', 'code', 'message'], rows, { numeric: false })}
  </section>`;
}

function throughputText(measured: MeasuredSetting['measured']): string {
  const { runsPerSecond, itemsPerSecond } = measured.throughput;
  const items = itemsPerSecond === undefined ? '' : `, ${perSecond(itemsPerSecond)} items/s`;
  return perSecond(runsPerSecond) + items;
}
