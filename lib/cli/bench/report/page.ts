import type { LatencyHistogram } from '../../../engine/latency/latency-histogram';
import { byteSize, nanoseconds } from '../../output';
import type { BenchDocument } from '../document';
import { isMeasured, type MeasuredSetting } from '../result';
import { perSecond, protocolText } from '../text';
import { renderChart, type Chart } from './chart';
import { html, Markup, moment } from './markup';
import { operatorSection } from './operators';
import { percentileChart } from './percentile-chart';
import { phaseChart } from './phase-chart';
import { STYLE } from './style';
import { baselineSection, comparisonSection, failures, settingsSection } from './tables';
import { throughputChart } from './throughput-chart';

/** Words of a command line as a shell would take them. */
const quoted = (word: string): string =>
  /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

const percentileOf = ({ measured }: MeasuredSetting, percent: number): number | undefined =>
  measured.latency.percentiles.find(({ percentile }) => percentile === percent)?.value;

function tile(value: string, name: string, detail: string): Markup {
  return html`<li class="tile"><small>${name}</small><b>${value}</b><small>${detail}</small></li>`;
}

/** The figures to see first: the one setting's, or the best of each. */
function tiles(settings: readonly MeasuredSetting[]): Markup {
  const [first] = settings;
  if (!first) return html``;
  const best = (value: (setting: MeasuredSetting) => number): MeasuredSetting =>
    settings.reduce((least, setting) => (value(setting) < value(least) ? setting : least));
  const words = (setting: MeasuredSetting, alone: string): string =>
    settings.length > 1 ? setting.label : alone;
  const fastest = best((setting) => percentileOf(setting, 50) ?? Infinity);
  const steadiest = best((setting) => percentileOf(setting, 99) ?? Infinity);
  const busiest = best(({ measured }) => -measured.throughput.runsPerSecond);
  const smallest = best(({ measured }) => measured.memory.peak);
  const p50 = percentileOf(fastest, 50);
  const p99 = percentileOf(steadiest, 99);
  const prefix = settings.length > 1 ? 'best ' : '';
  return html`<ul class="tiles">
    ${p50 !== undefined && tile(nanoseconds(p50), `${prefix}p50`, words(fastest, 'median latency'))}${p99 !== undefined && tile(nanoseconds(p99), `${prefix}p99`, words(steadiest, 'one run of 100 takes longer'))}${tile(`${perSecond(busiest.measured.throughput.runsPerSecond)}/s`, `${prefix}throughput`, words(busiest, 'runs, median of the blocks'))}${tile(byteSize(smallest.measured.memory.peak), `${settings.length > 1 ? 'least ' : ''}peak memory`, words(smallest, 'of the whole process'))}
  </ul>`;
}

function machineSection(document: BenchDocument): Markup {
  const { machine, versions, command } = document;
  const { cpu, cgroup } = machine;
  const features = Object.entries(cpu.features).flatMap(([name, has]) => (has ? [name] : []));
  const rows: [string, string | Markup][] = [
    ['CPU', cpu.model],
    ['Processors', `${cpu.availableParallelism} available of ${cpu.cores}`],
    ['Features', features.join(', ') || 'none of those that kernels choose by'],
    ['Memory', byteSize(machine.memoryBytes)],
    [
      'System',
      `${machine.system}, ${machine.arch}, ${machine.libc.name} ${machine.libc.version ?? ''}`.trimEnd(),
    ],
    ['Load before', machine.loadAverage.toFixed(2)],
    ['onlite', versions.onlite],
    ['Node', `${versions.node}, V8 ${versions.v8}`],
    ['ONNX Runtime', versions.onnxruntime ?? 'not installed'],
    ['TensorFlow Lite', versions.tflite ?? 'not installed'],
    ['Measured', `${moment(document.date)}; ${protocolText(document)}`],
    ['Command', html`<code>onlite ${command.map(quoted).join(' ')}</code>`],
  ];
  if (cgroup?.cpus !== undefined) rows.splice(2, 0, ['CPU quota', cgroup.cpus.toFixed(2)]);
  const models = new Map(document.settings.map(({ model }) => [model.path, model]));
  for (const { path, bytes, sha256 } of models.values()) {
    rows.push(['Model', html`${path}, ${byteSize(bytes)}, SHA-256 <code>${sha256}</code>`]);
  }
  const list = rows.map(
    ([term, words]) =>
      html`<dt>${term}</dt>
        <dd>${words}</dd>`,
  );
  return html`<section aria-labelledby="machine">
    <h2 id="machine">Machine and method</h2>
    <dl>${list}</dl>
  </section>`;
}

function titleOf({ settings }: BenchDocument): string {
  const names = [...new Set(settings.map(({ model }) => model.path.split(/[\\/]/).at(-1) ?? ''))];
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and others` : names.join(' and ');
}

/**
 * A page that needs nothing but itself: no script, no font, no image, nothing from a network; a
 * policy in it forbids the browser to look for any.
 *
 * @param latencies - the pooled latencies of each setting, in order
 */
export function renderReport(
  document: BenchDocument,
  latencies: readonly LatencyHistogram[],
): string {
  const distributions = document.settings.flatMap((setting, index) => {
    const latency = latencies[index];
    if (!isMeasured(setting) || latency === undefined) return [];
    return setting.measured.latency.count > 0 ? [{ setting, latency }] : [];
  });
  const measured = distributions.map(({ setting }) => setting);
  const found: (Chart | undefined)[] =
    measured.length === 0
      ? []
      : [percentileChart(distributions), throughputChart(measured), phaseChart(measured)];
  const charts = found.filter((chart) => chart !== undefined);
  const operators = operatorSection(measured);
  const links = [
    ...(document.baseline ? [['baseline', 'Against the baseline']] : []),
    ...(document.comparison ? [['comparison', 'Side by side']] : []),
    ...charts.map(({ id, title }) => [id, title]),
    ...(operators.text === '' ? [] : [['operators', 'Operators']]),
    ...(measured.length > 0 ? [['settings', 'Settings']] : []),
    ['machine', 'Machine and method'],
  ].map(([id = '', name = '']) => html`<li><a href="#${id}">${name}</a></li>`);
  const title = titleOf(document);
  const { machine } = document;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="onlite ${document.versions.onlite}" />
        <link rel="icon" href="data:," />
        <title>${title}: onlite bench</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the results</a>
        <header>
          <h1>${title}</h1>
          <p class="sub">
            ${machine.cpu.model}, ${machine.cpu.availableParallelism} processors;
            ${document.date.slice(0, 10)}
          </p>
          <nav aria-label="Sections">
            <ul>
              ${links}
            </ul>
          </nav>
        </header>
        <main id="content" tabindex="-1">
          ${tiles(measured)}${failures(document)}${document.baseline && baselineSection(document.baseline)}${comparisonSection(document)}
          ${charts.map(renderChart)}${operators}${measured.length > 0 && settingsSection(measured)}${machineSection(document)}
        </main>
        <footer>
          <p>
            Written by onlite bench. Latency is from the call of a run, or with a rate from when it
            was due, until its result is in JavaScript. Percentile intervals are by order statistics
            and take the runs as independent; ratios are by bootstrap over processes and blocks.
          </p>
        </footer>
      </body>
    </html> `.text;
}
