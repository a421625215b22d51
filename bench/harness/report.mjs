import { figures, verdict } from './figures.mjs';
import { format, formatTarget } from './format.mjs';

/** "1.041 × (1.020 × – 1.090 ×)", or why there is no value. */
export function valueText({ value, min, max, unit, noisy, skipped, failed }) {
  if (skipped) return `skipped: ${skipped}`;
  if (failed) return `failed: ${failed.split('\n')[0]}`;
  const text = format(value, unit);
  const range = min === max ? text : `${text} (${format(min, unit)} – ${format(max, unit)})`;
  return noisy ? `${range}, noisy machine` : range;
}

function targetText(row) {
  if (!row.target) return '';
  const outcome = row.met === undefined ? '' : row.met ? ', met' : ', MISSED';
  if (row.undecided) return `${formatTarget(row.target, row.unit)}, undecided`;
  return `${formatTarget(row.target, row.unit)}${outcome}`;
}

/** What the two sides took, where a row has sides. */
function sidesText({ details }) {
  if (details?.raw === undefined) return '';
  const subject = details.node ?? details.peer;
  const { sideUnit } = details;
  return `${format(subject.median, sideUnit)} / ${format(details.raw.median, sideUnit)}`;
}

/** One line for the terminal. */
export function rowLine(row) {
  const target = targetText(row);
  const sides = sidesText(row);
  const parts = [valueText(row), target && `[${target}]`, sides && `{${sides}}`, row.note];
  return `  ${row.name}: ${parts.filter(Boolean).join(' ')}`;
}

const escape = (text) => text.replaceAll('|', '\\|');
const tableLine = (cells) => `| ${cells.map(escape).join(' | ')} |`;

function figureTable(rows) {
  const lines = figures.flatMap((figure) => {
    const outcome = verdict(figure, rows);
    return outcome === undefined ? [] : [tableLine([figure, outcome])];
  });
  if (lines.length === 0) return [];
  return ['## Figures', '', tableLine(['figure', 'verdict']), '|---|---|', ...lines, ''];
}

function suiteTable(suite, rows) {
  return [
    `## ${suite.name}: ${suite.description}`,
    '',
    tableLine(['case', 'median (least – greatest)', 'target', 'Node / raw C']),
    '|---|---|---|---|',
    ...rows.map((row) => tableLine([row.name, valueText(row), targetText(row), sidesText(row)])),
    '',
  ];
}

/** bench/RESULTS.md. */
export function markdown({ machine, command, pace, suites, rows }) {
  const facts = [
    `- CPU: ${machine.cpu}, ${machine.cores} cores; ${machine.memoryGiB} GiB`,
    `- system: ${machine.system}; load average at the start ${machine.loadAverage.toFixed(2)}`,
    `- onlite ${machine.onlite} (${machine.commit}), Node ${machine.node}, V8 ${machine.v8}`,
    `- ONNX Runtime ${machine.onnxruntime}, TensorFlow Lite ${machine.tflite} with XNNPACK`,
    `- date: ${machine.date}`,
    `- command: \`${command}\` (${pace} pace)`,
  ];
  return [
    '# Benchmark results',
    '',
    'Written by the benchmark itself: do not edit. Ratios compare with a C++ loop over the same',
    'library on the same machine, slice by slice in turn; the spread is over the repetitions. A',
    'verdict is "undecided" where the target lies within the 95 % interval of the median, or where',
    'raw C itself varied by more than a quarter in each of three attempts. Of several attempts the',
    'one with the steadiest raw C counts, whatever its ratio.',
    '',
    ...facts,
    '',
    ...figureTable(rows),
    ...suites.flatMap((suite) =>
      suiteTable(
        suite,
        rows.filter((row) => row.suite === suite.name),
      ),
    ),
  ].join('\n');
}
