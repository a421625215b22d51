import type { FigureChange, PrunedLayer } from '../../optimize/prune/layer-figures';
import type { PruneCandidate } from '../../optimize/prune/prune-model';
import { machineFacts } from '../bench/text';
import { percent, speedRows, type Rows } from '../compare/text';
import { guardedRows, samplesText, verdictOf, verdictText } from '../guard/text';
import { byteSize, section, table } from '../output';
import type { PruneDocument } from './document';

/** What zeros are good for, since many expect another thing of them. */
export const ZEROS_NOTE =
  'Zeros make no model faster: kernels multiply by them. They make its file smaller when it is ' +
  'compressed. Removed channels (--structured channel) make it smaller and faster.';

export const candidateRows = ({ candidates, input }: PruneDocument): Rows =>
  guardedRows(candidates, { name: 'original', bytes: input.bytes });

/** The candidate that was written or, if none was, the last one that was tried. */
export const shownCandidate = ({ candidates, chosen }: PruneDocument): PruneCandidate | undefined =>
  candidates.find(({ name }) => name === chosen) ?? candidates.at(-1);

const change = ([before, after]: FigureChange, form: (value: number) => string = String): string =>
  before === after ? form(after) : `${form(before)} → ${form(after)}`;

function layerRow({ node, operator, ...figures }: PrunedLayer): string[] {
  const { weights, zeros, values, bytes, compressedBytes } = figures;
  return [
    node,
    operator,
    change(weights),
    change(zeros),
    percent(zeros[1] / weights[1]),
    change(values),
    change(bytes, byteSize),
    change(compressedBytes, byteSize),
  ];
}

/** What was made of the weights of each layer, and of all. */
export function layerRows(layers: readonly PrunedLayer[]): Rows {
  const total = (key: 'weights' | 'zeros' | 'bytes' | 'compressedBytes'): FigureChange => [
    layers.reduce((sum, layer) => sum + layer[key][0], 0),
    layers.reduce((sum, layer) => sum + layer[key][1], 0),
  ];
  const zeros = total('zeros');
  const weights = total('weights');
  const header = ['layer', 'operator', 'weights', 'zeros', 'share', 'values', 'bytes', 'gzip'];
  const all = [
    'all',
    '',
    change(weights),
    change(zeros),
    percent(zeros[1] / weights[1]),
    '',
    change(total('bytes'), byteSize),
    change(total('compressedBytes'), byteSize),
  ];
  return { header, rows: [...layers.map(layerRow), all] };
}

const MOST_NAMES = 4;

/** Channels that only go together, and why some stay. */
export function channelRows({ channels = [] }: PruneDocument): Rows {
  const rows = channels.map(({ layers, before, after, reason = '' }) => [
    layers.length > MOST_NAMES
      ? `${layers.slice(0, MOST_NAMES).join(', ')}, … (${layers.length})`
      : layers.join(', '),
    String(before),
    String(after),
    reason,
  ]);
  return { header: ['coupled layers', 'before', 'after', 'why they stay'], rows };
}

/** Of the model that was written compressed, too. */
export function compressedText({ compressed, output }: PruneDocument): string | undefined {
  if (!compressed || !output) return undefined;
  const share = percent(compressed.bytes / output.bytes);
  return `${compressed.path}, ${byteSize(compressed.bytes)} (${share} of the model)`;
}

/** What the figures stand on. */
export const samplesOf = ({ samples }: PruneDocument): string =>
  samplesText(samples, 'match moments');

export function productsText({ products }: PruneDocument): string | undefined {
  if (!products) return undefined;
  const [before, after] = products;
  return `${before} → ${after} multiplications a sample (${percent(after / before)})`;
}

export function renderText(document: PruneDocument): string {
  const { input, speed, channels } = document;
  const products = productsText(document);
  const compressed = compressedText(document);
  const facts = [
    ...machineFacts(document),
    ['model', `${input.path}, ${byteSize(input.bytes)}`],
    ['samples', samplesOf(document)],
    ...(products === undefined ? [] : [['work', products]]),
  ];
  const part = (title: string, { header, rows }: Rows, from = 1): string =>
    section(title, rows, { header, right: header.map((_, column) => column).slice(from) });
  return [
    `${table(facts, { indent: 0 })}\n`,
    part('Candidates', candidateRows(document)),
    channels ? part('Channels', channelRows(document), 4) : '',
    part('Weights', layerRows(shownCandidate(document)?.layers ?? []), 2),
    speed
      ? part(
          'Latency and memory',
          speedRows(['original', document.chosen ?? 'pruned'], speed.models),
        )
      : '',
    channels ? '' : `\n${ZEROS_NOTE}\n`,
    verdictText(verdictOf(document)),
    compressed === undefined ? '' : `compressed: ${compressed}\n`,
  ].join('');
}
