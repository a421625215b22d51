import {
  bytesField,
  doubleField,
  floatField,
  integerField,
  messageField,
  type Message,
} from './message';

/** What TensorBoard does with a summary's data (`DataClass` of tensorflow/core/framework/summary.proto). */
const dataClasses = { none: 0, scalar: 1, tensor: 2, blobs: 3 } as const;

/** Element types of `TensorProto` (tensorflow/core/framework/types.proto). */
const elementTypes = { float: 1, double: 2, string: 7 } as const;

function tensor(type: keyof typeof elementTypes, dims: readonly number[], values: Message): Buffer {
  const shape = dims.map((size) => messageField(2, [integerField(1, size)]));
  return messageField(8, [integerField(1, elementTypes[type]), messageField(2, shape), ...values]);
}

function metadata(
  plugin: string,
  dataClass: keyof typeof dataClasses,
  content: Message = [],
): Buffer {
  const data = [bytesField(1, plugin), ...(content.length > 0 ? [messageField(2, content)] : [])];
  return messageField(9, [messageField(1, data), integerField(4, dataClasses[dataClass])]);
}

/** One value of a `Summary`: a tag and what is recorded under it. */
export type SummaryValue = Message;

export function scalarValue(tag: string, value: number): SummaryValue {
  return [bytesField(1, tag), floatField(2, value)];
}

/** One bar of a histogram. */
export interface HistogramBar {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

export function histogramValue(tag: string, bars: readonly HistogramBar[]): SummaryValue {
  const content = Buffer.alloc(bars.length * 24);
  for (const [row, { left, right, count }] of bars.entries()) {
    for (const [column, value] of [left, right, count].entries()) {
      content.writeDoubleLE(value, row * 24 + column * 8);
    }
  }
  const data = tensor('double', [bars.length, 3], [bytesField(4, content)]);
  return [bytesField(1, tag), data, metadata('histograms', 'tensor')];
}

export function textValue(tag: string, texts: readonly string[]): SummaryValue {
  const strings = texts.map((text) => bytesField(8, text));
  return [
    bytesField(1, tag),
    tensor('string', [texts.length], strings),
    metadata('text', 'tensor'),
  ];
}

/** @param png - the encoded image */
export function imageValue(
  tag: string,
  { width, height, png }: { width: number; height: number; png: Uint8Array },
): SummaryValue {
  const strings = [bytesField(8, String(width)), bytesField(8, String(height)), bytesField(8, png)];
  return [bytesField(1, tag), tensor('string', [3], strings), metadata('images', 'blobs')];
}

/** A line chart of the scalars whose tags match any of the regular expressions. */
export interface LineChart {
  readonly title: string;
  readonly tags: readonly string[];
}

/** A chart of values with a band around each. */
export interface MarginChart {
  readonly title: string;
  readonly series: readonly {
    readonly value: string;
    readonly lower: string;
    readonly upper: string;
  }[];
}

export interface ChartCategory {
  readonly title: string;
  readonly charts: readonly (LineChart | MarginChart)[];
}

function chart(item: LineChart | MarginChart): Message {
  if ('tags' in item) {
    const multiline = item.tags.map((pattern) => bytesField(1, pattern));
    return [bytesField(1, item.title), messageField(2, multiline)];
  }
  const series = item.series.map(({ value, lower, upper }) =>
    messageField(1, [bytesField(1, value), bytesField(2, lower), bytesField(3, upper)]),
  );
  return [bytesField(1, item.title), messageField(3, series)];
}

/** The page "Custom scalars" (tensorboard/plugins/custom_scalar/layout.proto). */
export function layoutValue(categories: readonly ChartCategory[]): SummaryValue {
  const layout = categories.map(({ title, charts }) =>
    messageField(2, [bytesField(1, title), ...charts.map((item) => messageField(2, chart(item)))]),
  );
  const data = tensor('string', [], [bytesField(8, Buffer.concat(layout))]);
  return [bytesField(1, 'custom_scalars__config__'), data, metadata('custom_scalars', 'tensor')];
}

/** A hyperparameter's value. */
export type HyperParameter = number | string | boolean;

function parameterValue(value: HyperParameter): Message {
  if (typeof value === 'number') return [doubleField(2, value)];
  if (typeof value === 'string') return [bytesField(3, value)];
  return [integerField(4, value ? 1 : 0)];
}

const parameterTypes = { string: 1, boolean: 2, number: 3 } as const;

function parameterInfo([name, value]: readonly [string, HyperParameter]): Buffer {
  const type = parameterTypes[typeof value as keyof typeof parameterTypes];
  return messageField(4, [bytesField(1, name), integerField(4, type)]);
}

function hparamsValue(tag: string, field: number, content: Message): SummaryValue {
  // What TensorBoard reads is in the plugin's data; the tensor is empty.
  const data = tensor('float', [0], []);
  return [bytesField(1, tag), data, metadata('hparams', 'none', [messageField(field, content)])];
}

/** The three values that make a run a row of the page "HParams" (tensorboard/plugins/hparams). */
export function hyperParameterValues(
  parameters: Readonly<Record<string, HyperParameter>>,
  metrics: readonly string[],
  seconds: number,
): SummaryValue[] {
  const entries = Object.entries(parameters);
  const metricInfos = metrics.map((tag) =>
    messageField(5, [messageField(1, [bytesField(2, tag)])]),
  );
  const values = entries.map(([name, value]) =>
    messageField(1, [bytesField(1, name), messageField(2, parameterValue(value))]),
  );
  const succeeded = 1;
  return [
    hparamsValue('_hparams_/experiment', 2, [...entries.map(parameterInfo), ...metricInfos]),
    hparamsValue('_hparams_/session_start_info', 3, [...values, doubleField(5, seconds)]),
    hparamsValue('_hparams_/session_end_info', 4, [
      integerField(1, succeeded),
      doubleField(2, seconds),
    ]),
  ];
}

/** An `Event` (tensorflow/core/util/event.proto) with these values. */
export function summaryEvent(
  values: readonly SummaryValue[],
  step: number,
  seconds: number,
): Buffer {
  const summary = values.map((value) => messageField(1, value));
  return Buffer.concat([doubleField(1, seconds), integerField(2, step), messageField(5, summary)]);
}

/** The first event of a file. */
export function versionEvent(seconds: number): Buffer {
  return Buffer.concat([doubleField(1, seconds), bytesField(3, 'brain.Event:2')]);
}
