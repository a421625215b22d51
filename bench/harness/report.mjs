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

/** The lines of the figures that these rows decide, by figure. */
function figureLines(rows) {
  const outcomes = figures.map((figure) => [figure, verdict(figure, rows)]);
  const decided = outcomes.filter(([, outcome]) => outcome !== undefined);
  return new Map(decided.map((cells) => [cells[0], tableLine(cells)]));
}

function figureTable(lines) {
  if (lines.size === 0) return [];
  const inOrder = figures.flatMap((figure) => lines.get(figure) ?? []);
  return ['## Figures', '', tableLine(['figure', 'verdict']), '|---|---|', ...inOrder, ''];
}

/** A row of a suite's table. */
function tableRow(row) {
  return tableLine([row.name, valueText(row), targetText(row), row.note ?? sidesText(row)]);
}

function suiteTable(suite, rows, facts = []) {
  const last = rows.some(({ note }) => note) ? 'notes' : 'Node / raw C';
  return [
    `## ${suite.name}: ${suite.description}`,
    '',
    ...(facts.length > 0 ? [...facts, ''] : []),
    tableLine(['case', 'median (least – greatest)', 'target', last]),
    '|---|---|---|---|',
    ...rows.map(tableRow),
    '',
  ];
}

function factLines({ machine, command, pace }) {
  const int8 = { true: ', with VNNI', false: ', without VNNI' }[machine.hasVnni] ?? '';
  return [
    `- CPU: ${machine.cpu}, ${machine.cores} cores${int8}; ${machine.memoryGiB} GiB`,
    ...(machine.gpus === undefined ? [] : [`- GPU: ${machine.gpus}`]),
    `- system: ${machine.system}; load average at the start ${machine.loadAverage.toFixed(2)}`,
    `- onlite ${machine.onlite} (${machine.commit}), Node ${machine.node}, V8 ${machine.v8}`,
    `- ONNX Runtime ${machine.onnxruntime}, TensorFlow Lite ${machine.tflite} with XNNPACK`,
    `- date: ${machine.date}`,
    `- command: \`${command}\` (${pace} pace)`,
  ];
}

/** bench/RESULTS.md. */
export function markdown(results) {
  const { suites, rows } = results;
  return [
    '# Benchmark results',
    '',
    'Written by the benchmark itself: do not edit. Ratios compare with a C++ loop over the same',
    'library on the same machine, slice by slice in turn; the spread is over the repetitions. A',
    'verdict is "undecided" where the target lies within the 95 % interval of the median, or where',
    'raw C itself varied by more than a quarter in each of three attempts. Of several attempts the',
    'one with the steadiest raw C counts, whatever its ratio.',
    '',
    ...factLines(results),
    '',
    ...figureTable(figureLines(rows)),
    ...suites.flatMap((suite) =>
      suiteTable(
        suite,
        rows.filter((row) => row.suite === suite.name),
      ),
    ),
  ].join('\n');
}

const nameOf = (line) => line.slice(0, line.indexOf(' | '));

/** A suite's section with some rows written anew, and a line on how, below the facts of the others. */
function sectionWith(section, rows, { machine, command, pace }) {
  const lines = section.trim().split('\n');
  const start = lines.findIndex((line) => line.startsWith('|---')) + 1;
  const anew = new Map(rows.map(tableRow).map((line) => [nameOf(line), line]));
  const kept = lines.slice(start).map((line) => {
    const own = anew.get(nameOf(line));
    anew.delete(nameOf(line));
    return own ?? line;
  });
  const head = lines.slice(0, start - 2).filter((line) => line !== '' && !line.includes(command));
  const load = `load average ${machine.loadAverage.toFixed(2)}`;
  const how = `- and, ${machine.date}, ${machine.commit}, ${load}: \`${command}\` (${pace} pace)`;
  const [title, ...facts] = head;
  const table = [...lines.slice(start - 2, start), ...kept, ...anew.values()];
  return [title, '', ...facts, how, '', ...table, ''].join('\n');
}

/**
 * bench/RESULTS.md with the sections of some suites, which were run apart, replaced or added; of one
 * that was run in part, with `only`, those rows.
 */
export function markdownWith(text, results) {
  const [head, ...sections] = text.split(/^(?=## )/m);
  const isFigures = (section) => section.startsWith('## Figures');
  const before = sections.find(isFigures) ?? '';
  const old = before.split('\n').flatMap((line) => {
    const figure = figures.find((each) => line.startsWith(`${tableLine([each]).slice(0, -1)}|`));
    return figure === undefined ? [] : [[figure, line]];
  });
  const lines = new Map([...old, ...figureLines(results.rows)]);
  // A suite may have several sections: those that are not written anew stay as they are.
  const others = sections.filter((each) => !isFigures(each));
  for (const suite of results.suites) {
    const rows = results.rows.filter((row) => row.suite === suite.name);
    const place = others.findIndex((each) => each.startsWith(`## ${suite.name}:`));
    const isPart = results.only !== undefined && place >= 0;
    const section = isPart
      ? sectionWith(others[place], rows, results)
      : suiteTable(suite, rows, factLines(results)).join('\n');
    others.splice(place < 0 ? others.length : place, place < 0 ? 0 : 1, section);
  }
  const parts = [head, figureTable(lines).join('\n'), ...others];
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}
