import type { AnswerSpread, PerturbedSpread } from '../../watch/stability/measure';
import { green, red, section } from '../output';
import type { StabilityDocument } from './index';

const figure = (value: number): string => String(Number(value.toPrecision(4)));
const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;

const nameOf = ({ kind, level }: PerturbedSpread): string =>
  kind === 'noise' ? `noise of ${percent(level)}` : 'moved by a pixel';

const line = (name: string, spread: AnswerSpread): string[] => [
  name,
  spread.changedClass === undefined ? '' : percent(spread.changedClass),
  percent(spread.changed),
  figure(spread.maxDeviation),
  figure(spread.meanDeviation),
  percent(spread.relativeDeviation),
  String(spread.notFinite),
];

const HEADER = ['inputs', 'class', 'any bit', 'max', 'mean', 'max/deviation', 'not finite'];

export function renderText(document: StabilityDocument): string {
  const { output, stability, outputs, limits } = document;
  const { rows, repeats, repeated, perturbed, isConstant, constantOutputs } = stability;
  const lines = [
    line(`the same, ${repeats} times`, repeated),
    ...perturbed.map((spread) => line(nameOf(spread), spread)),
  ];
  const health = [
    ['NaN', String(outputs.nan)],
    ['infinite', String(outputs.infinite)],
    ['saturated', String(outputs.saturated)],
    ['equal to the one before', String(outputs.constant)],
  ];
  const verdicts = limits.map(({ limit, bound, found, holds }) => [
    limit,
    figure(bound),
    figure(found),
    holds ? green('held') : red('not held'),
  ]);
  const always = isConstant
    ? 'The answer is the same for all rows.\n'
    : constantOutputs.length > 0
      ? `The same for all rows: values ${constantOutputs.join(', ')}.\n`
      : '';
  return [
    section(`Changes of '${output}' over ${rows} rows`, lines, {
      header: HEADER,
      right: [1, 2, 3, 4, 5, 6],
    }),
    section('Rows of all outputs', health, { right: [1] }),
    always && `\n${always}`,
    section('Limits', verdicts, { header: ['limit', 'bound', 'found', ''], right: [1, 2] }),
  ]
    .join('')
    .trimStart();
}
