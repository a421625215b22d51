import type { Guarded } from '../../optimize/guard/guard';
import { decibels, percent, type Rows } from '../compare/text';
import { bold, byteSize, green, nanoseconds, red } from '../output';
import type { SamplesUsed } from './samples';

/** A changed model as far as it was measured. */
export interface GuardedModel
  extends Pick<Guarded, 'bytes'>, Partial<Pick<Guarded, 'fidelity' | 'speedup'>> {
  readonly name: string;
}

/** What the documents of commands have in common that choose among candidates. */
export interface Choice {
  readonly candidates: readonly (Pick<Guarded, 'refused'> & { readonly name: string })[];
  /** The name of the candidate that was written. */
  readonly chosen?: string;
  readonly output?: { readonly path: string; readonly bytes: number };
  /** Whether a candidate held all limits. */
  readonly holds: boolean;
}

/** What the guard says at the end. */
export interface Verdict {
  readonly holds: boolean;
  /** The limits that are not held, in words. */
  readonly refused: readonly string[];
  /** What is written, in words; absent where nothing is. */
  readonly written?: string;
}

/** Changed models' figures beside the original's. */
export function guardedRows(
  models: readonly GuardedModel[],
  original: { readonly name: string; readonly bytes: number },
): Rows {
  const hasAccuracy = models.some(({ fidelity }) => fidelity?.accuracy);
  const header = [
    'model',
    'SQNR',
    'agreement',
    ...(hasAccuracy ? ['accuracy', original.name] : []),
    'speed-up',
    '95 % interval',
    'run',
    'bytes',
    `of ${original.name}`,
  ];
  const rows = models.map(({ name, fidelity, speedup, bytes }) => [
    name,
    fidelity ? decibels(fidelity.sqnr) : '',
    percent(fidelity?.agreement),
    ...(hasAccuracy ? [percent(fidelity?.accuracy?.[1]), percent(fidelity?.accuracy?.[0])] : []),
    speedup ? `${speedup.ratio.toFixed(2)} ×` : '',
    speedup ? speedup.interval.map((end) => end.toFixed(2)).join(' – ') : '',
    speedup ? nanoseconds(speedup.times[1]) : '',
    byteSize(bytes),
    percent(bytes / original.bytes),
  ]);
  return { header, rows };
}

export const NOTHING_WRITTEN = 'nothing is written; --force writes it all the same';

export function verdictText({ holds, refused, written = NOTHING_WRITTEN }: Verdict): string {
  const lines = refused.map((fault) => `  ${fault}`).join('\n');
  const reasons = refused.length > 0 ? `\n${bold('Refused')}\n${lines}\n` : '';
  return `${reasons}\n${holds ? green('held') : red('not held')}: ${written}\n`;
}

export function verdictOf({ candidates, chosen, output, holds }: Choice): Verdict {
  const refused = candidates.flatMap(({ name, refused: faults }) =>
    faults.map((fault) => `${name}: ${fault}`),
  );
  if (!output || chosen === undefined) return { holds, refused };
  const written = `${chosen} is written to ${output.path}, ${byteSize(output.bytes)}`;
  return { holds, refused, written };
}

/**
 * What the figures stand on.
 *
 * @param use - what those do that do not judge
 */
export function samplesText(
  { calibration, heldOut, source, areApart }: SamplesUsed,
  use: string,
): string {
  if (source === 'random') return `${heldOut} of random noise judge: give --data for real ones`;
  const same = areApart ? '' : ', the same: give more, or --test';
  return `${calibration} ${use}, ${heldOut} judge${same}`;
}
