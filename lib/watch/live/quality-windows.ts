import {
  classificationQuality,
  regressionQuality,
  type LabelledRow,
  type LiveQuality,
} from '../accuracy/live-quality';
import { uniform, type Drawn } from '../sample/uniform';
import type { WatchedTask } from '../rows/prediction-reader';

/** How good one version's last labelled rows were. */
export interface VersionQuality {
  readonly version: string;
  /** When the first and the last of them were predicted, in milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly quality: LiveQuality;
}

/** Of more versions than these the one that was labelled longest ago is forgotten. */
const MOST_VERSIONS = 10;

interface TimedRow extends LabelledRow, Drawn {
  readonly time: number;
}

function isFraction({ prediction: { value } }: LabelledRow): boolean {
  return typeof value === 'number' && !Number.isInteger(value);
}

/** The last labelled rows of each version. */
export class QualityWindows {
  readonly #size: number;
  readonly #confidence: number;
  readonly #versions = new Map<string, TimedRow[]>();

  constructor(size: number, confidence: number) {
    this.#size = size;
    this.#confidence = confidence;
  }

  /** @param row - `weight`: how many rows it stands for, where it is one of a sample. Default 1 */
  add(version: string, { weight = 1, ...row }: Omit<TimedRow, keyof Drawn> & Partial<Drawn>): void {
    const rows = this.#versions.get(version) ?? [];
    rows.push({ ...row, weight, draw: Math.random() });
    // In one go now and then: to shift an array at each row would cost its length.
    if (rows.length >= 2 * this.#size) rows.splice(0, rows.length - this.#size);
    this.#versions.delete(version);
    this.#versions.set(version, rows);
    if (this.#versions.size <= MOST_VERSIONS) return;
    const [oldest] = this.#versions.keys();
    if (oldest !== undefined) this.#versions.delete(oldest);
  }

  /** @param task - not known before the first request: then fractions are no classes */
  report(task?: WatchedTask): VersionQuality[] {
    return [...this.#versions].map(([version, all]) => {
      const rows = uniform(all.slice(-this.#size));
      const times = rows.map(({ time }) => time);
      const isRegression = task ? task === 'regression' : rows.some(isFraction);
      const measure = isRegression ? regressionQuality : classificationQuality;
      return {
        version,
        from: times.reduce((a, b) => Math.min(a, b), Infinity),
        to: times.reduce((a, b) => Math.max(a, b), -Infinity),
        quality: measure(rows, this.#confidence),
      };
    });
  }
}
