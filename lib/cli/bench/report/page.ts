import type { LatencyHistogram } from '../../../engine/latency/latency-histogram';
import { byteSize, nanoseconds } from '../../output';
import type { BenchDocument } from '../document';
import { isMeasured, type MeasuredSetting } from '../result';
import { perSecond, protocolText } from '../text';
import { renderChart, type Chart } from './chart';
import { html, type Markup } from '../../report/markup';
import { renderPage, titleOf, type PageLink } from '../../report/page';
import { operatorSection } from './operators';
import { percentileChart } from './percentile-chart';
import { phaseChart } from './phase-chart';
import { baselineSection, comparisonSection, failures, settingsSection } from './tables';
import { throughputChart } from './throughput-chart';

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

/**
 * The page of a measurement.
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
  const links: PageLink[] = [
    ...(document.baseline ? [{ id: 'baseline', title: 'Against the baseline' }] : []),
    ...(document.comparison ? [{ id: 'comparison', title: 'Side by side' }] : []),
    ...charts,
    ...(operators.text === '' ? [] : [{ id: 'operators', title: 'Operators' }]),
    ...(measured.length > 0 ? [{ id: 'settings', title: 'Settings' }] : []),
  ];
  return renderPage({
    document,
    title: titleOf(document.settings.map(({ model }) => model.path)),
    links,
    models: document.settings.map(({ model }) => model),
    protocol: protocolText(document),
    main: html`${tiles(measured)}${failures(document)}${document.baseline && baselineSection(document.baseline)}${comparisonSection(document)}
    ${charts.map(renderChart)}${operators}${measured.length > 0 && settingsSection(measured)}`,
    footer:
      'Written by onlite bench. Latency is from the call of a run, or with a rate from when it was ' +
      'due, until its result is in JavaScript. Percentile intervals are by order statistics and ' +
      'take the runs as independent; ratios are by bootstrap over processes and blocks.',
  });
}
