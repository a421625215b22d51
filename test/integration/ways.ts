import {
  type InferenceSession,
  OnliteError,
  Tensor,
  TensorPool,
  type RunOptions,
  type ValueMetadata,
} from 'onlite';

/** One run of a session: its feeds, and the signature that they are for. */
export interface Request {
  feeds: Record<string, Tensor>;
  signature: string | undefined;
}

/** What a run came to, comparable: outputs by name, or an error's code. */
export type Outcome = Record<string, unknown> | string;

/** A way of running; what it gives for a request, given what the ordinary way gave. */
export interface Way {
  name: string;
  run: (session: InferenceSession, request: Request, reference: Outcome) => Promise<Outcome>;
  /** Not for requests that are wrong: binding asks for less. */
  isBound: boolean;
}

type Results = Readonly<Record<string, unknown>>;

/** A value of an output, so that equal ones are deeply equal. */
export function plain(value: unknown): unknown {
  if (value instanceof Tensor) {
    const { type, dims } = value as Tensor;
    const data: unknown = value.data;
    if (Array.isArray(data)) return { type, dims: [...dims], data: [...(data as string[])] };
    const { buffer, byteOffset, byteLength } = data as Uint8Array;
    const bytes = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
    return { type, dims: [...dims], bytes };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return [...value.entries()];
  return value;
}

const plainAll = (results: Results): Record<string, unknown> =>
  Object.fromEntries(Object.entries(results).map(([name, value]) => [name, plain(value)]));

/** The outcome of an operation that gives results. */
export async function outcomeOf(operation: () => unknown): Promise<Outcome> {
  try {
    return plainAll((await operation()) as Results);
  } catch (error) {
    if (error instanceof OnliteError) return error.code;
    throw error;
  }
}

export const pool = new TensorPool();

const optionsOf = ({ signature }: Request): RunOptions =>
  signature === undefined ? {} : { signature };

interface Declared {
  names: readonly string[];
  outputs: readonly ValueMetadata[];
}

export function declaredOf(session: InferenceSession, { signature }: Request): Declared {
  if (signature === undefined) {
    return { names: session.outputNames, outputs: session.outputMetadata };
  }
  const outputs = session.signatures[signature]?.outputs ?? [];
  return { names: outputs.map(({ name }) => name), outputs };
}

interface PlainTensor {
  type: Tensor['type'];
  dims: number[];
  bytes?: string;
}

function isNumeric(value: unknown): value is PlainTensor {
  return typeof value === 'object' && value !== null && 'bytes' in value;
}

/** Tensors of what the reference gave, filled with something else, for those it can be had of. */
function targets(reference: Outcome, from: TensorPool | undefined): Record<string, Tensor | null> {
  if (typeof reference === 'string') return {};
  const given: Record<string, Tensor | null> = {};
  for (const [name, value] of Object.entries(reference)) {
    given[name] = null;
    if (!isNumeric(value)) continue;
    using pooled = pool.acquire(value.type as 'uint8', value.dims);
    const kind = pooled.data.constructor as new (length: number) => never;
    const tensor =
      from === undefined
        ? new Tensor(value.type, new kind(pooled.data.length), value.dims)
        : from.acquire(value.type as 'uint8', value.dims);
    const { buffer, byteOffset, byteLength } = tensor.data as unknown as Uint8Array;
    new Uint8Array(buffer, byteOffset, byteLength).fill(1);
    given[name] = tensor;
  }
  return given;
}

function disposeAll(results: Results): void {
  for (const value of Object.values(results)) if (value instanceof Tensor) value.dispose();
}

/** Runs with a pool, and gives what came from it back. */
async function pooled(run: () => unknown): Promise<Outcome> {
  const outcome = await outcomeOf(async () => {
    const results = (await run()) as Results;
    const copy = plainAll(results);
    disposeAll(results);
    return copy;
  });
  if (pool.stats.bytesInUse !== 0) throw new Error('memory of the pool is missing');
  return outcome;
}

type Runner = (
  session: InferenceSession,
  feeds: Request['feeds'],
  ...rest: [unknown?, unknown?]
) => unknown;
const runners: [string, Runner][] = [
  ['run', (session, feeds, ...rest) => session.run(feeds, ...(rest as []))],
  ['runSync', (session, feeds, ...rest) => session.runSync(feeds, ...(rest as []))],
];

function unbound([kind, run]: [string, Runner]): Way[] {
  const way = (name: string, body: Way['run']): Way => ({
    name: `${kind}, ${name}`,
    run: body,
    isBound: false,
  });
  const options = kind === 'run' ? [{ timeoutMs: 600_000 }] : [];
  return [
    way('plain', (session, request) =>
      outcomeOf(() =>
        request.signature === undefined
          ? run(session, request.feeds)
          : run(session, request.feeds, optionsOf(request)),
      ),
    ),
    way('names', (session, request) =>
      outcomeOf(() =>
        run(session, request.feeds, declaredOf(session, request).names, optionsOf(request)),
      ),
    ),
    way('null fetches', (session, request) =>
      outcomeOf(() => {
        const { names } = declaredOf(session, request);
        const fetches = Object.fromEntries(names.map((name) => [name, null]));
        return run(session, request.feeds, fetches, optionsOf(request));
      }),
    ),
    way('one name at a time', async (session, request) => {
      const all: Record<string, unknown> = {};
      for (const name of declaredOf(session, request).names) {
        const one = await outcomeOf(() => run(session, request.feeds, [name], optionsOf(request)));
        if (typeof one === 'string') return one;
        Object.assign(all, one);
        if (session.hasVariables) await session.resetVariables();
      }
      return all;
    }),
    way('fetches', (session, request, reference) =>
      outcomeOf(() =>
        typeof reference === 'string'
          ? run(session, request.feeds, optionsOf(request))
          : run(session, request.feeds, targets(reference, undefined), optionsOf(request)),
      ),
    ),
    way('pooled fetches', (session, request, reference) =>
      pooled(() =>
        typeof reference === 'string'
          ? run(session, request.feeds, optionsOf(request))
          : run(session, request.feeds, targets(reference, pool), optionsOf(request)),
      ),
    ),
    way('a pool', (session, request) =>
      pooled(() => run(session, request.feeds, { ...optionsOf(request), pool })),
    ),
    way('a tag', (session, request) =>
      outcomeOf(() => run(session, request.feeds, { ...optionsOf(request), tag: 'tag' })),
    ),
    ...(kind === 'run'
      ? [
          way('a signal', (session, request) => {
            const { signal } = new AbortController();
            return outcomeOf(() => run(session, request.feeds, { ...optionsOf(request), signal }));
          }),
          ...options.map((more) =>
            way('a time-out', (session, request) =>
              outcomeOf(() => run(session, request.feeds, { ...optionsOf(request), ...more })),
            ),
          ),
        ]
      : []),
  ];
}

type Outputs = Record<string, Tensor | 'dynamic'>;

function boundWays(): Way[] {
  const kinds: [string, (io: ReturnType<InferenceSession['bind']>) => unknown][] = [
    ['run', (io) => io.run()],
    [
      'runSync',
      (io) => {
        io.runSync();
      },
    ],
    ['run with a signal', (io) => io.run({ signal: new AbortController().signal })],
  ];
  const outputs: [string, (names: readonly string[], reference: Outcome) => Outputs][] = [
    ['dynamic', (names) => Object.fromEntries(names.map((name) => [name, 'dynamic']))],
    ['left out', () => ({})],
    [
      'given',
      (_, reference) =>
        Object.fromEntries(
          Object.entries(targets(reference, undefined)).map(([name, tensor]) => [
            name,
            tensor ?? 'dynamic',
          ]),
        ),
    ],
  ];
  return kinds.flatMap(([kind, run]) =>
    outputs.map(([what, make]) => ({
      name: `bound ${kind}, outputs ${what}`,
      isBound: true,
      run: (session: InferenceSession, request: Request, reference: Outcome) =>
        outcomeOf(async () => {
          const { names } = declaredOf(session, request);
          using io = session.bind({
            inputs: request.feeds,
            outputs: make(names, reference),
            ...optionsOf(request),
          });
          await run(io);
          return plainAll(io.outputs);
        }),
    })),
  );
}

export const ways: readonly Way[] = [...runners.flatMap(unbound), ...boundWays()];

/** Whether the model declares another shape for some output than it made. */
export function makesOtherShapes({ outputs }: Declared, reference: Outcome): boolean {
  if (typeof reference === 'string') return false;
  return outputs.some((output) => {
    const value = reference[output.name];
    if (!output.isTensor || !isNumeric(value)) return false;
    const { shape } = output;
    return (
      shape.length !== value.dims.length ||
      shape.some((dim, axis) => typeof dim === 'number' && dim >= 0 && dim !== value.dims[axis])
    );
  });
}
