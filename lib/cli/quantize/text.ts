import type { QuantizeCandidate } from '../../optimize/quantize/candidate';
import type { OperatorDecision } from '../../optimize/quantize/decision';
import { speedRows, type Rows } from '../compare/text';
import { guardedRows, samplesText, verdictOf, verdictText } from '../guard/text';
import { byteSize, section, table } from '../output';
import { machineFacts } from '../bench/text';
import type { QuantizeDocument } from './document';

/** The model that was written, or that would have been. */
export const bestName = ({ chosen, candidates }: QuantizeDocument): string =>
  chosen ?? candidates[0]?.name ?? '';

/** The candidates' figures. */
export const candidateRows = ({ candidates, input }: QuantizeDocument): Rows =>
  guardedRows(candidates, { name: 'float', bytes: input.bytes });

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

/** What the figures stand on. */
export const samplesOf = ({ samples }: QuantizeDocument): string =>
  samplesText(samples, 'calibrate');

export function renderText(document: QuantizeDocument): string {
  const { input, target, speed } = document;
  const facts = [
    ...machineFacts(document),
    ['model', `${input.path}, ${byteSize(input.bytes)}`],
    ...(target === undefined ? [] : [['target', target]]),
    ['samples', samplesOf(document)],
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
          speedRows(['float', bestName(document)], speed.models).rows,
          numbers(speedRows([], [])),
        )
      : '',
    verdictText(verdictOf(document)),
  ].join('');
}
