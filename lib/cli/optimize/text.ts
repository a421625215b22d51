import type { ModelSize } from '../../optimize/simplify/measure';
import { machineFacts } from '../bench/text';
import { figure, speedRows } from '../compare/text';
import { byteSize, section, table } from '../output';
import type { OptimizeDocument } from './document';

/** Every operator that either model has, with its nodes in both. */
export function operatorRows(before: ModelSize, after: ModelSize): string[][] {
  const names = [...new Set([...Object.keys(before.operators), ...Object.keys(after.operators)])];
  const count = (size: ModelSize, name: string): string => String(size.operators[name] ?? 0);
  return names.map((name) => [name, count(before, name), count(after, name)]);
}

const change = (before: number, after: number): string =>
  before === 0 ? '' : `${((after / before - 1) * 100).toFixed(1)} %`;

function sizeRows({ before, after }: OptimizeDocument): string[][] {
  return [
    ['nodes', String(before.nodes), String(after.nodes), change(before.nodes, after.nodes)],
    ['size', byteSize(before.bytes), byteSize(after.bytes), change(before.bytes, after.bytes)],
  ];
}

function verificationFact({ verification }: OptimizeDocument): string {
  const { samples, maxError, maxRelativeError, random } = verification;
  const left = random.length === 0 ? '' : `; random, not compared: ${random.join(', ')}`;
  const error = `greatest difference ${figure(maxError)} (relative ${figure(maxRelativeError)})`;
  return `same values on ${samples} samples, ${error}${left}`;
}

/** The document as a terminal shows it. */
export function renderText(document: OptimizeDocument): string {
  const { input, output, before, after, passes, leftOut, speed, level } = document;
  const facts = [
    ...machineFacts(document),
    ['input', input.path],
    ['output', `${output.path}, ${level}`],
    ['verified', verificationFact(document)],
  ];
  const columns = { header: ['', 'before', 'after', ''], right: [1, 2, 3] };
  const operators = { header: ['operator', 'before', 'after'], right: [1, 2] };
  const applied = Object.entries(passes).map(([name, count]) => [name, String(count)]);
  const measured = speed && speedRows(['before', 'after'], speed.models);
  return [
    `${table(facts, { indent: 0 })}\n`,
    section('Size', sizeRows(document), columns),
    section('Operators', operatorRows(before, after), operators),
    section('Passes', applied, { right: [1] }),
    section(
      'Left out',
      leftOut.map((what) => [what]),
    ),
    measured
      ? section('Load time, latency and memory', measured.rows, {
          header: measured.header,
          right: [1, 2, 3, 4, 5, 6],
        })
      : '',
    '\nThe runtime does most of this whenever it loads a model, so latency hardly changes.\n',
  ].join('');
}
