import { OnliteError } from '../errors';

/** What a converter's program says of a conversion that cannot be. */
export interface FailureFacts {
  readonly kind: string;
  readonly message: string;
  /** What can be done. */
  readonly advice?: string | null;
  readonly operators?: readonly string[];
  readonly layers?: readonly string[];
}

/** An exception of a converter's own, with what was printed before it. */
export interface ErrorFacts {
  /** Of the exception. */
  readonly type: string;
  readonly message: string;
  readonly log: string;
}

const SHOWN = 5;

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return `${names.slice(0, SHOWN).join(', ')}${more}`;
}

/** Lines that say nothing of the failure. */
const NOISE = /^\s*(File ".*", line|Traceback|[\^~\s]*$|WARNING|INFO:|W0000|I0000)/;

/** The last lines that say something. */
export function tail(log: string, lines = 12): string {
  const said = log.split('\n').filter((line) => !NOISE.test(line));
  return said
    .slice(-lines)
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Words by which converters name what they cannot convert, and what can be done then. */
const KNOWN: readonly {
  readonly pattern: RegExp;
  readonly what: string;
  readonly advice: string;
}[] = [
  {
    pattern: /Exporting the operator '?([\w:.]+)'? to ONNX opset version \d+ is not supported/,
    what: 'torch.onnx has no converter for the operator',
    advice: 'try a newer --opset, or replace the operator in the model',
  },
  {
    pattern: /No ONNX function found for <OpOverload\(op='([\w:.]+)'/,
    what: 'torch.onnx has no converter for the operator',
    advice: 'try a newer --opset, or replace the operator in the model',
  },
  {
    pattern: /Unknown layer:? '?(\w+)'?|Could not locate class '(\w+)'/,
    what: 'Keras does not know the layer',
    advice:
      "it is the program's own: export the model there as a SavedModel with model.export(folder)",
  },
  {
    pattern: /Unsupported Op(?:erator)?s?:? (?:Counter\(\{)?'?(\w+)'?/,
    what: 'the converter knows no operator',
    advice: 'replace it in the model by others',
  },
  {
    pattern: /'?tf\.(\w+)'? op is neither a custom op nor a flex op/,
    what: 'TensorFlow Lite has no operator',
    advice: 'replace it in the model by others, or convert to ONNX',
  },
];

/** The error of a conversion that failed, by what the converter says. */
export function failureOf(facts: FailureFacts | ErrorFacts): OnliteError {
  if ('log' in facts) return unexpected(facts);
  const { kind, message, advice, layers = [] } = facts;
  const where = layers.length === 0 ? '' : ` (at ${listed(layers)})`;
  const remedy = typeof advice === 'string' && advice !== '' ? `; ${advice}` : '';
  const code = kind === 'input' || kind === 'option' ? 'ERR_INVALID_ARGUMENT' : 'ERR_UNSUPPORTED';
  return new OnliteError(code, `${message}${where}${remedy}`);
}

function unexpected({ type, message, log }: ErrorFacts): OnliteError {
  const cause = new Error(tail(log));
  for (const { pattern, what, advice } of KNOWN) {
    const found = pattern.exec(message) ?? pattern.exec(log);
    const name = found?.slice(1).find((group) => (group as string | undefined) !== undefined);
    if (name === undefined) continue;
    return new OnliteError('ERR_UNSUPPORTED', `${what} '${name}'; ${advice}`, { cause });
  }
  if (type === 'ModuleNotFoundError') {
    const module = /No module named '([^']+)'/.exec(message)?.[1] ?? message;
    return new OnliteError(
      'ERR_RUNTIME_NOT_FOUND',
      `the converter's Python has no module '${module}': install it there, or leave --python out`,
      { cause },
    );
  }
  const [line = ''] = message.split('\n');
  return new OnliteError('ERR_RUN_FAILED', `the converter failed: ${type}: ${line}`, { cause });
}
