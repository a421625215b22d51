import { machineFacts } from '../bench/text';
import { figure, speedRows, type Rows } from '../compare/text';
import { guardedRows, verdictText, type Verdict } from '../guard/text';
import { byteSize, section, table } from '../output';
import type { OptimizeDocument } from './document';

/** Every operator that either model has, with its nodes in both. */
export function operatorRows({ before, after }: OptimizeDocument): Rows {
  const names = [...new Set([...Object.keys(before.operators), ...Object.keys(after.operators)])];
  const rows = names.map((name) => [
    name,
    ...[before, after].map(({ operators }) => String(operators[name] ?? 0)),
  ]);
  return { header: ['operator', 'before', 'after'], rows };
}

const change = (before: number, after: number): string =>
  before === 0 ? '' : `${((after / before - 1) * 100).toFixed(1)} %`;

export function sizeRows({ before, after }: OptimizeDocument): Rows {
  const rows = [
    ['nodes', String(before.nodes), String(after.nodes), change(before.nodes, after.nodes)],
    ['size', byteSize(before.bytes), byteSize(after.bytes), change(before.bytes, after.bytes)],
  ];
  return { header: ['', 'before', 'after', 'change'], rows };
}

export const measuredRows = ({ before, after, fidelity, speedup }: OptimizeDocument): Rows =>
  guardedRows(
    [
      {
        name: 'after',
        bytes: after.bytes,
        ...(fidelity ? { fidelity } : {}),
        ...(speedup ? { speedup } : {}),
      },
    ],
    { name: 'before', bytes: before.bytes },
  );

export function passRows({ passes }: OptimizeDocument): Rows {
  const rows = Object.entries(passes).map(([name, count]) => [name, String(count)]);
  return { header: ['pass', 'applied'], rows };
}

/** How both models were compared. */
export function verificationText({ verification }: OptimizeDocument): string {
  const { samples, maxError, maxRelativeError, random } = verification;
  const left = random.length === 0 ? '' : `; random, not compared: ${random.join(', ')}`;
  const error = `greatest difference ${figure(maxError)} (relative ${figure(maxRelativeError)})`;
  return `same values on ${samples} samples, ${error}${left}`;
}

export function verdictOf({ holds, refused, output }: OptimizeDocument): Verdict {
  if (!output) return { holds, refused };
  return { holds, refused, written: `it is written to ${output.path}, ${byteSize(output.bytes)}` };
}

/** What is to be known of the figures. */
export const LATENCY_NOTE =
  'The runtime does most of this whenever it loads a model, so latency hardly changes.';

const numbers = (title: string, { header, rows }: Rows): string =>
  section(title, rows, { header, right: header.map((_, column) => column).slice(1) });

/** The document as a terminal shows it. */
export function renderText(document: OptimizeDocument): string {
  const { input, leftOut, speed, level } = document;
  const facts = [
    ...machineFacts(document),
    ['input', input.path],
    ['level', level],
    ['verified', verificationText(document)],
  ];
  return [
    `${table(facts, { indent: 0 })}\n`,
    numbers('Size', sizeRows(document)),
    numbers('Operators', operatorRows(document)),
    numbers('Passes', passRows(document)),
    section(
      'Left out',
      leftOut.map((what) => [what]),
    ),
    numbers('Before and after', measuredRows(document)),
    speed
      ? numbers('Load time, latency and memory', speedRows(['before', 'after'], speed.models))
      : '',
    verdictText(verdictOf(document)),
    `${LATENCY_NOTE}\n`,
  ].join('');
}
