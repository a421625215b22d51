import type { Pruning } from '../../optimize/combine/prune-and-quantize';
import type { QuantizeMethod } from '../../optimize/quantize/quantize-options';
import { choice, text, texts } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';

const METHODS = ['auto', 'static', 'dynamic', 'weight-only', 'float16'] as const;

/** What `--prune` and `--quantize` ask for. */
export interface Combination {
  readonly prune?: Pruning;
  readonly quantize?: QuantizeMethod;
  /** Nodes that stay as they are, by name or first output. */
  readonly exclude: readonly string[];
}

const EXPECTED = "0.5 (a share of the weights), channel=0.3, 2:4, clusters=32, or several with ','";

const share = (value: string): number | undefined => {
  const number = Number(value);
  return /^\d*\.?\d+$/.test(value) && number > 0 && number < 1 ? number : undefined;
};

/** One thing to be taken away; undefined for what is none. */
function pruningOf(word: string): Pruning | undefined {
  const [, name = '', value = word] = /^(\w+)=(.*)$/.exec(word) ?? [];
  if (name === 'clusters') {
    const clusters = Number(value);
    return /^\d{1,5}$/.test(value) && clusters >= 2 ? { clusters } : undefined;
  }
  if (name === '' && /^\d+:\d+$/.test(value)) return { pattern: value };
  const sparsity = share(value);
  if (sparsity === undefined || !['', 'channel'].includes(name)) return undefined;
  return name === 'channel' ? { structured: 'channel', sparsity } : { sparsity };
}

function parsePruning(given: string): Pruning {
  let all: Pruning = {};
  for (const word of given.split(',')) {
    const own = pruningOf(word);
    const isTwice = Object.keys(own ?? {}).some((key) => key in all);
    if (!own || isTwice) throw new UsageError(`--prune: expected ${EXPECTED}, got '${given}'`);
    all = { ...all, ...own };
  }
  return all;
}

/** @throws UsageError */
export function parseCombination(args: ParsedArguments): Combination | undefined {
  const pruning = text(args, 'prune');
  const quantize = choice(args, 'quantize', METHODS);
  if (pruning === undefined && quantize === undefined) return undefined;
  if (text(args, 'level') !== undefined) {
    throw new UsageError('--level: models are made portable before --prune and --quantize');
  }
  return {
    exclude: texts(args, 'exclude'),
    ...(pruning === undefined ? {} : { prune: parsePruning(pruning) }),
    ...(quantize === undefined ? {} : { quantize }),
  };
}
