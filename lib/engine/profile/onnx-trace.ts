import { OnliteError } from '../../errors';
import type { MeasuredOperator, ProfiledTensor } from './types';

/** A node's execution in a trace. Times are whole microseconds. */
interface NodeEvent {
  name: string;
  type: string;
  provider: string;
  start: number;
  duration: number;
  thread: unknown;
  /** Its place in the file, where inner nodes come before outer ones. */
  order: number;
  arguments: Fields;
}

/** A node whose subgraphs' nodes may follow. */
interface OpenNode extends NodeEvent {
  path: string;
  operator: MeasuredOperator;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Operators with subgraphs, ONNX's and ONNX Runtime's own. Only these enclose
 * others: rounding puts nodes of no length inside a neighbour's time.
 */
const callsSubgraphs: ReadonlySet<string> = new Set([
  'If',
  'Loop',
  'Scan',
  'BeamSearch',
  'GreedySearch',
  'Sampling',
  'WhisperBeamSearch',
]);

const suffix = '_kernel_time';
const nsPerMicrosecond = 1000;

/**
 * Adds up ONNX Runtime's profiles of single runs: files in Chrome's trace event
 * format, with an event of category `Node` for each execution of a node and one
 * named `model_run` for the run.
 */
export class OnnxTraces {
  readonly #operators = new Map<string, MeasuredOperator>();
  #totalNs = 0;
  #threads = 0;

  /** The runs' own time. */
  get totalNs(): number {
    return this.#totalNs;
  }

  /** The most threads that nodes of one run were started on. */
  get threads(): number {
    return this.#threads;
  }

  /** In the order in which they were first seen. */
  get operators(): MeasuredOperator[] {
    return [...this.#operators.values()];
  }

  /** Adds one run. @throws OnliteError ERR_RUN_FAILED if the text is not such a file. */
  add(text: string): void {
    const nodes: NodeEvent[] = [];
    for (const event of parseEvents(text)) {
      if (event['cat'] === 'Session' && event['name'] === 'model_run') {
        this.#totalNs += microseconds(event, 'dur') * nsPerMicrosecond;
      }
      if (event['cat'] === 'Node') {
        const node = readNode(event, nodes.length);
        if (node !== undefined) nodes.push(node);
      }
    }
    const byThread = groupByThread(nodes);
    this.#threads = Math.max(this.#threads, byThread.size);
    for (const group of byThread.values()) this.#addThread(group);
  }

  /**
   * On one thread nothing overlaps, so an event inside another one's time is a
   * node of its subgraph, whose time is not the outer node's own.
   */
  #addThread(nodes: NodeEvent[]): void {
    nodes.sort((a, b) => a.start - b.start || b.duration - a.duration || b.order - a.order);
    const open: OpenNode[] = [];
    for (const node of nodes) {
      let outer = open.at(-1);
      while (outer !== undefined && !encloses(outer, node)) {
        open.pop();
        outer = open.at(-1);
      }
      const path = outer === undefined ? node.name : `${outer.path}/${node.name}`;
      const nanoseconds = node.duration * nsPerMicrosecond;
      if (outer !== undefined) outer.operator.nanoseconds -= nanoseconds;
      const operator = this.#operator(path, node);
      operator.nanoseconds += nanoseconds;
      operator.count++;
      if (callsSubgraphs.has(node.type)) open.push({ ...node, path, operator });
    }
  }

  #operator(name: string, node: NodeEvent): MeasuredOperator {
    const { type, provider } = node;
    const key = JSON.stringify([name, type, provider]);
    let operator = this.#operators.get(key);
    if (operator === undefined) {
      operator = { name, type, provider, nanoseconds: 0, count: 0 };
      describeTensors(operator, node.arguments);
      this.#operators.set(key, operator);
    }
    return operator;
  }
}

function encloses(outer: NodeEvent, inner: NodeEvent): boolean {
  return (
    inner.order < outer.order &&
    inner.start >= outer.start &&
    inner.start + inner.duration <= outer.start + outer.duration
  );
}

function groupByThread(nodes: readonly NodeEvent[]): Map<unknown, NodeEvent[]> {
  const groups = new Map<unknown, NodeEvent[]>();
  for (const node of nodes) {
    const group = groups.get(node.thread);
    if (group === undefined) groups.set(node.thread, [node]);
    else group.push(node);
  }
  return groups;
}

function notATrace(why: string, cause?: unknown): OnliteError {
  return new OnliteError(
    'ERR_RUN_FAILED',
    `profile: ONNX Runtime wrote a profile that cannot be read: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

function parseEvents(text: string): Fields[] {
  let events: unknown;
  try {
    events = JSON.parse(text);
  } catch {
    try {
      events = JSON.parse(escapeNames(text));
    } catch (cause) {
      throw notATrace('it is not JSON', cause);
    }
  }
  if (!Array.isArray(events)) throw notATrace('it is not an array');
  return events.filter(isFields);
}

/** ONNX Runtime writes a node's name as it is, with the quotes and line ends it may have. */
function escapeNames(text: string): string {
  return text.replace(
    /("ph" : ?"X","name" : ?")([^]*?)(","args" : ?\{)/g,
    (_, before: string, name: string, after: string) =>
      before + JSON.stringify(name).slice(1, -1) + after,
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined for what is not a kernel's execution. */
function readNode(event: Fields, order: number): NodeEvent | undefined {
  const { name, args } = event;
  if (typeof name !== 'string' || !name.endsWith(suffix)) return undefined;
  if (!isFields(args)) throw notATrace('a node without arguments');
  const { op_name: type, provider } = args;
  if (typeof type !== 'string' || typeof provider !== 'string') {
    throw notATrace('a node without operator or provider');
  }
  return {
    name: name.slice(0, -suffix.length),
    type,
    provider: provider.replace(/ExecutionProvider$/, '').toLowerCase(),
    start: microseconds(event, 'ts'),
    duration: microseconds(event, 'dur'),
    thread: event['tid'],
    order,
    arguments: args,
  };
}

function microseconds(event: Fields, key: 'ts' | 'dur'): number {
  const value = event[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw notATrace(`an event whose ${key} is no number of microseconds`);
  }
  return value;
}

function describeTensors(operator: MeasuredOperator, args: Fields): void {
  const bytes = Number(args['output_size']);
  if (args['output_size'] !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) {
    operator.bytes = bytes;
  }
  const inputShapes = readShapes(args['input_type_shape']);
  if (inputShapes !== undefined) operator.inputShapes = inputShapes;
  const outputShapes = readShapes(args['output_type_shape']);
  if (outputShapes !== undefined) operator.outputShapes = outputShapes;
}

/** ONNX Runtime's names of element types that are not onlite's. */
const typeNames: ReadonlyMap<string, string> = new Map([
  ['float', 'float32'],
  ['double', 'float64'],
]);

/** `[{"float": [1, 16]}, …]`; undefined for anything else. */
function readShapes(value: unknown): ProfiledTensor[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const tensors: ProfiledTensor[] = [];
  for (const item of value as unknown[]) {
    if (!isFields(item)) return undefined;
    for (const [type, dims] of Object.entries(item)) {
      if (!Array.isArray(dims) || !dims.every(Number.isSafeInteger)) return undefined;
      tensors.push({ type: typeNames.get(type) ?? type, dims: dims as number[] });
    }
  }
  return tensors;
}
