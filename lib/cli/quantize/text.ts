import type { QuantizeCandidate } from '../../optimize/quantize/candidate';
import type { OperatorDecision } from '../../optimize/quantize/decision';
import { decibels, percent, speedRows, type Rows } from '../compare/text';
import { bold, byteSize, green, nanoseconds, red, section, table } from '../output';
import { machineFacts } from '../bench/text';
import type { QuantizeDocument } from './document';

const ratio = (value: number): string => `${value.toFixed(2)} ×`;

/** The candidates' figures. */
export function candidateRows({ candidates, input }: QuantizeDocument): Rows {
  const hasAccuracy = candidates.some(({ fidelity }) => fidelity.accuracy);
  const header = [
    'candidate',
    'SQNR',
    'agreement',
    ...(hasAccuracy ? ['accuracy', 'float'] : []),
    'speed-up',
    '95 % interval',
    'run',
    'bytes',
    'of float',
  ];
  const rows = candidates.map(({ name, fidelity, speedup, bytes }) => [
    name,
    decibels(fidelity.sqnr),
    percent(fidelity.agreement),
    ...(hasAccuracy ? [percent(fidelity.accuracy?.[1]), percent(fidelity.accuracy?.[0])] : []),
    ratio(speedup.ratio),
    `${speedup.interval[0].toFixed(2)} – ${speedup.interval[1].toFixed(2)}`,
    nanoseconds(speedup.times[1]),
    byteSize(bytes),
    percent(bytes / input.bytes),
  ]);
  return { header, rows };
}

/** Operators of one type that all became the same, or stayed for the same reason. */
export function decisionRows(decisions: readonly OperatorDecision[]): Rows {
  const groups = new Map<string, { operator: string; outcome: string; nodes: string[] }>();
  for (const { node, operator, as, reason, saturation } of decisions) {
    const saturates = saturation ? ', some sums saturate without VNNI' : '';
    const outcome = as === undefined ? `float: ${reason ?? ''}` : as + saturates;
    const key = `${operator}\0${outcome}`;
    const group = groups.get(key) ?? { operator, outcome, nodes: [] };
    group.nodes.push(node);
    groups.set(key, group);
  }
  const rows = [...groups.values()].map(({ operator, outcome, nodes }) => [
    operator,
    String(nodes.length),
    outcome,
    nodes.length > 3 ? `${nodes.slice(0, 3).join(', ')}, …` : nodes.join(', '),
  ]);
  return { header: ['operator', 'nodes', 'computes as', 'which'], rows };
}

const numbers = ({ header }: Rows): { header: readonly string[]; right: number[] } => ({
  header,
  right: header.map((_, column) => column).slice(1),
});

export const chosenOf = ({ candidates, chosen }: QuantizeDocument): QuantizeCandidate | undefined =>
  candidates.find(({ name }) => name === chosen);

function verdict({ candidates, chosen, output, holds }: QuantizeDocument): string {
  const lines = candidates.flatMap(({ name, refused }) =>
    refused.map((why) => `  ${name}: ${why}`),
  );
  const reasons = lines.length > 0 ? `\n${bold('Refused')}\n${lines.join('\n')}\n` : '';
  const written =
    output && chosen !== undefined
      ? `${chosen} is written to ${output.path}, ${byteSize(output.bytes)}`
      : 'nothing is written; --force keeps the best of them all the same';
  return `${reasons}\n${holds ? green('held') : red('not held')}: ${written}\n`;
}

/** What the figures stand on. */
export function samplesText({ samples }: QuantizeDocument): string {
  const { calibration, heldOut, source, areApart } = samples;
  if (source === 'random') return `${heldOut} of random noise judge: give --data for real ones`;
  const same = areApart ? '' : ', the same: give more, or --test';
  return `${calibration} calibrate, ${heldOut} judge${same}`;
}

export function renderText(document: QuantizeDocument): string {
  const { input, target, speed } = document;
  const facts = [
    ...machineFacts(document),
    ['model', `${input.path}, ${byteSize(input.bytes)}`],
    ['target', target],
    ['samples', samplesText(document)],
  ];
  const candidates = candidateRows(document);
  const shown = chosenOf(document) ?? document.candidates[0];
  const decisions = decisionRows(shown?.decisions ?? []);
  return [
    `${table(facts, { indent: 0 })}\n`,
    section('Candidates', candidates.rows, numbers(candidates)),
    shown
      ? section(`Operators of ${shown.name}`, decisions.rows, {
          header: decisions.header,
          right: [1],
        })
      : '',
    speed
      ? section(
          'Latency and memory',
          speedRows(['float', document.chosen ?? ''], speed.models).rows,
          numbers(speedRows([], [])),
        )
      : '',
    verdict(document),
  ].join('');
}
