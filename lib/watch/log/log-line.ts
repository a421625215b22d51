import type { FeatureTable } from '../rows/feature-reader';
import type { FeatureValue, Prediction } from '../rows/row';
import type { Redactor } from './redaction';

/** What a line says beside its row. */
export interface LineOf {
  readonly requestId: string | undefined;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly latencyMs: number | undefined;
  /** What an error is counted as. */
  readonly error: string | undefined;
  /** How many rows it stands for. */
  readonly weight: number;
}

/** A number as JSON has it, where it has it. */
const printed = (value: number): string => (Number.isFinite(value) ? String(value) : 'null');

const print = (value: FeatureValue): string =>
  typeof value === 'number' ? printed(value) : value === null ? 'null' : JSON.stringify(value);

/** Prints rows as lines of JSON, piece by piece: it is done for each row, beside the runs of a model. */
export class LogLines {
  readonly #model: string;
  readonly #redactor: Redactor;
  #names: readonly string[] = [];
  /** The features' names as they are printed; empty for one that is not. */
  #keys: readonly string[] = [];
  #time = NaN;
  #printedTime = '';

  constructor(model: string, redactor: Redactor) {
    this.#model = JSON.stringify(model);
    this.#redactor = redactor;
  }

  line(of: LineOf, table: FeatureTable, row: number, prediction: Prediction | undefined): string {
    const { requestId, version, time, latencyMs, error, weight } = of;
    const { value, scores } = prediction ?? {};
    return (
      `{"time":"${this.#timeOf(time)}"` +
      (requestId === undefined ? '' : `,"requestId":${JSON.stringify(requestId)}`) +
      `,"model":${this.#model},"version":${JSON.stringify(version)}` +
      `,"features":{${this.#features(table, row)}}` +
      (value === undefined ? '' : `,"prediction":${print(value)}`) +
      (scores === undefined ? '' : `,"scores":[${scores.map(printed).join(',')}]`) +
      (latencyMs === undefined ? '' : `,"latencyMs":${printed(latencyMs)}`) +
      (weight === 1 ? '' : `,"weight":${printed(weight)}`) +
      (error === undefined ? '}' : `,"error":${JSON.stringify(error)}}`)
    );
  }

  #timeOf(time: number): string {
    if (time !== this.#time) {
      this.#time = time;
      this.#printedTime = new Date(time).toISOString();
    }
    return this.#printedTime;
  }

  #features({ names, values }: FeatureTable, row: number): string {
    if (names !== this.#names) this.#read(names);
    const from = row * names.length;
    let text = '';
    for (let index = 0; index < names.length; index++) {
      const key = this.#keys[index] ?? '';
      if (key === '') continue;
      const value = this.#redactor.value(names[index] ?? '', values[from + index] ?? null);
      text += text === '' ? key : `,${key}`;
      text += print(value);
    }
    return text;
  }

  #read(names: readonly string[]): void {
    this.#names = names;
    this.#keys = names.map((name, index) => {
      // Of two of a name the last one counts, as in an object.
      const isWritten = this.#redactor.writes(name) && names.lastIndexOf(name) === index;
      return isWritten ? `${JSON.stringify(name)}:` : '';
    });
  }
}
