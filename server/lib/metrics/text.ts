/** Labels of a sample, whose values are bounded by what is loaded and by this program. */
export type Labels = Readonly<Record<string, string>>;

/** A number, or a histogram with cumulative counts at its edges. */
export type Value =
  | number
  | {
      readonly edges: readonly number[];
      readonly counts: readonly number[];
      readonly count: number;
      readonly sum: number;
    };

export type Sample = readonly [labels: Labels, value: Value];

/** A metric with all its label sets, at one moment. Base units: seconds and bytes. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Prometheus' text format 0.0.4, or OpenMetrics 1.0 without its end. Families without samples are left out. */
export function printFamilies(families: readonly Family[], isOpen: boolean): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue;
    // OpenMetrics names a counter's family without the suffix that its samples have.
    const of = isOpen && type === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# HELP ${of} ${help}`, `# TYPE ${of} ${type}`);
    for (const [labels, value] of samples) {
      const printed = Object.entries(labels).map(([key, label]) => `${key}="${escaped(label)}"`);
      if (typeof value === 'number') lines.push(line(name, printed, value));
      else pushHistogram(lines, name, printed, value);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

const line = (name: string, labels: readonly string[], value: number): string =>
  `${name}${labels.length === 0 ? '' : `{${labels.join(',')}}`} ${value}`;

function pushHistogram(
  lines: string[],
  name: string,
  labels: readonly string[],
  { edges, counts, count, sum }: Exclude<Value, number>,
): void {
  for (const [index, edge] of edges.entries()) {
    // OpenMetrics has edges as floats.
    const text = Number.isInteger(edge) ? `${edge}.0` : String(edge);
    lines.push(line(`${name}_bucket`, [...labels, `le="${text}"`], counts[index] ?? 0));
  }
  lines.push(
    line(`${name}_bucket`, [...labels, 'le="+Inf"'], count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  );
}

/** As a label's value is written. */
const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const MODEL = /[{,]model="((?:[^"\\]|\\.)*)"/;

/** A text of metrics without the samples of models that somebody may not see. */
export const withoutModels = (text: string, allows: (model: string) => boolean): string =>
  text
    .split('\n')
    .filter((each) => {
      const label = each.startsWith('#') ? undefined : MODEL.exec(each)?.[1];
      return label === undefined || allows(unescaped(label));
    })
    .join('\n');

const unescaped = (label: string): string =>
  label.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
