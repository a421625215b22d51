import { checkOutputs, choice, decimal, given, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import type { ImageOptions } from '../feeds/images';

export const METHODS = ['shap', 'permutation', 'occlusion'] as const;
export type ExplainMethod = (typeof METHODS)[number];

/** Everything a command line of `onlite explain` says. */
export interface ExplainCommand {
  readonly model: string;
  readonly data: string;
  readonly images: ImageOptions;
  readonly method?: ExplainMethod;
  readonly labels?: string;
  /** The samples that are explained. */
  readonly samples: readonly number[];
  readonly rows: number;
  readonly background?: number;
  readonly output?: string;
  readonly classIndex?: number;
  readonly names?: readonly string[];
  readonly coalitions?: number;
  readonly repeats: number;
  readonly patch?: number;
  readonly stride?: number;
  readonly fill?: number;
  readonly batch: number;
  readonly seed: number;
  readonly provider?: string;
  readonly save?: string;
  readonly report?: string;
}

function sampleNumbers(args: ParsedArguments): readonly number[] {
  const words = texts(args, 'sample').flatMap((list) => list.split(','));
  if (words.length === 0) return [0];
  return words.map((word) => {
    const number = Number(word);
    if (/^\d+$/.test(word) && Number.isSafeInteger(number)) return number;
    throw new UsageError(`--sample: expected numbers from 0 on, got '${word}'`);
  });
}

/** @throws UsageError */
export function parseExplainOptions(args: ParsedArguments): ExplainCommand {
  const [model, data, other] = args.positionals;
  if (model === undefined || data === undefined)
    throw new UsageError('MODEL and DATA are expected');
  if (other !== undefined) throw new UsageError(`unexpected argument '${other}'`);
  checkOutputs(args, ['save', 'report'], [model, data]);
  return {
    model,
    data,
    images: parseImageOptions(args),
    samples: sampleNumbers(args),
    rows: wholeNumber(args, 'rows', 2) ?? 1000,
    repeats: wholeNumber(args, 'repeats', 1) ?? 5,
    batch: wholeNumber(args, 'batch', 1) ?? 64,
    seed: wholeNumber(args, 'seed', 0) ?? 1,
    ...given('method', choice(args, 'method', METHODS)),
    ...given('labels', text(args, 'labels')),
    ...given('background', wholeNumber(args, 'background', 1)),
    ...given('output', text(args, 'output')),
    ...given('classIndex', wholeNumber(args, 'class', 0)),
    ...given('names', text(args, 'names')?.split(',')),
    ...given('coalitions', wholeNumber(args, 'coalitions', 1)),
    ...given('patch', wholeNumber(args, 'patch', 1)),
    ...given('stride', wholeNumber(args, 'stride', 1)),
    ...given('fill', decimal(args, 'fill')),
    ...given('provider', text(args, 'provider')),
    ...given('save', text(args, 'save')),
    ...given('report', text(args, 'report')),
  };
}
