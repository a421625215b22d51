import type { InputShape } from '../../convert/options';
import { choice, decimal, given, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import type { ImageOptions } from '../feeds/images';

/** How `onlite quantize` is to go on. */
const METHODS = ['auto', 'static', 'dynamic', 'weight-only', 'float16'] as const;
type Method = (typeof METHODS)[number];

/** Everything a command line of `onlite convert` says. */
export interface ConvertCommand {
  readonly source: string;
  readonly target?: string;
  readonly yes: boolean;
  readonly python?: string;
  readonly shapes: Readonly<Record<string, InputShape>>;
  readonly dynamicBatch: boolean;
  readonly opset?: number;
  readonly signature?: string;
  readonly float16: boolean;
  readonly trust: boolean;
  readonly quantize?: Method;
  readonly data?: string;
  readonly images: ImageOptions;
  readonly samples?: number;
  readonly seed?: number;
  readonly maxError?: number;
  readonly threads?: number;
  readonly force: boolean;
  readonly save?: string;
}

const TYPES = ['float32', 'float64', 'int32', 'int64', 'bool'] as const;

/** `NAME=1,3,224,224` or `NAME=1,128:int64` */
function parseShape(spec: string): [string, InputShape] {
  const [, name, sizes = '', type] = /^([^=]+)=([\d,]+)(?::(\w+))?$/.exec(spec) ?? [];
  const dims = sizes.split(',').map(Number);
  if (name === undefined || dims.some((dim) => !Number.isSafeInteger(dim) || dim < 1)) {
    throw new UsageError(`--shape: expected NAME=SIZES, such as x=1,3,224,224, got '${spec}'`);
  }
  const known = TYPES.find((each) => each === type);
  if (type !== undefined && known === undefined) {
    throw new UsageError(`--shape ${name}: expected a type of ${TYPES.join(', ')}, got '${type}'`);
  }
  return [name, { dims, ...(known === undefined ? {} : { type: known }) }];
}

/** @throws UsageError */
export function parseConvertOptions(args: ParsedArguments): ConvertCommand {
  const [source, target, more] = args.positionals;
  if (source === undefined) throw new UsageError('SOURCE is missing');
  if (more !== undefined) throw new UsageError(`unexpected '${more}'`);
  const maxError = decimal(args, 'max-error');
  if (maxError !== undefined && maxError < 0) {
    throw new UsageError(`--max-error: expected a number of at least 0, got ${maxError}`);
  }
  const is = (name: string): boolean => args.values[name] === true;
  if (text(args, 'data') !== undefined && text(args, 'seed') !== undefined) {
    throw new UsageError('--data and --seed: give one of them');
  }
  return {
    source,
    yes: is('yes'),
    shapes: Object.fromEntries(texts(args, 'shape').map(parseShape)),
    dynamicBatch: is('dynamic-batch'),
    float16: is('float16'),
    trust: is('trust'),
    force: is('force'),
    images: parseImageOptions(args),
    ...given('target', target),
    ...given('python', text(args, 'python')),
    ...given('opset', wholeNumber(args, 'opset', 7)),
    ...given('signature', text(args, 'signature')),
    ...given('quantize', choice(args, 'quantize', METHODS)),
    ...given('data', text(args, 'data')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('seed', wholeNumber(args, 'seed', 0)),
    ...given('maxError', maxError),
    ...given('threads', wholeNumber(args, 'threads', 1)),
    ...given('save', text(args, 'save')),
  };
}
