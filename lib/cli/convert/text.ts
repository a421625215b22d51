import type { ValueMetadata } from '../../engine/session/metadata';
import type { ConvertResult, ConvertedValue } from '../../convert/convert-model';
import type { OutputCheck } from '../../convert/check';
import { figure, percent } from '../compare/text';
import { byteSize, green, printable, red, section, table } from '../output';

/** `float32[batch,10]` */
function described(value: ValueMetadata): string {
  if (!value.isTensor) return value.kind;
  return `${value.type}[${value.shape.map((dim) => (dim === '' ? '?' : dim)).join(',')}]`;
}

function valueRow({ signature, end, name, source, converted }: ConvertedValue): string[] {
  const renamed = converted.name === name ? '' : `is called ${converted.name}`;
  return [signature, end, name, described(source), described(converted), renamed];
}

function checkRow(check: OutputCheck): string[] {
  const { signature, name, maxError, meanError, limit, agreement, finite, holds } = check;
  return [
    signature,
    name,
    figure(maxError),
    figure(meanError),
    figure(limit),
    percent(agreement),
    percent(finite),
    holds ? '' : 'not held',
  ];
}

/** A table without the columns that have nothing in any row. */
function columns(title: string, header: readonly string[], rows: readonly string[][]): string {
  const isUsed = header.map((_, column) => rows.some((row) => row[column] !== ''));
  const used = <Cell>(cells: readonly Cell[]): Cell[] => cells.filter((_, at) => isUsed[at]);
  return section(title, rows.map(used), { header: used(header) });
}

/** What people read of a conversion. */
export function renderText(result: ConvertResult): string {
  const { source, target, versions, notes, values, check, written } = result;
  const by = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const facts = [
    ['source', `${source.path}, ${source.kind}`],
    ['target', `${target.path}, ${byteSize(target.bytes)}`],
    ['by', by.join(', ')],
    ...notes.map((note) => ['note', note]),
  ];
  const valueHeader = ['signature', '', 'name', 'in the source', 'converted', ''];
  const measures = ['max error', 'mean error', 'allowed', 'agreement', 'finite'];
  const header = ['signature', 'output', ...measures, ''];
  const left = check.notCompared.join(', ');
  const verdict = check.holds
    ? green('The outputs agree.')
    : red(`The outputs do not agree${written ? '' : '; nothing was written (--force)'}.`);
  return [
    `${table(facts, { indent: 0 })}\n`,
    columns('Inputs and outputs', valueHeader, values.map(valueRow)),
    columns(`Beside the original, ${check.samples} samples`, header, check.outputs.map(checkRow)),
    left === '' ? '' : `  not compared: ${printable(left)}\n`,
    `\n${verdict}\n`,
  ].join('');
}
