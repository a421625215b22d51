import type { ReferenceProfile } from '../profile/reference-profile';
import type { Row } from '../rows/row';

/** One kind of error. */
export interface ErrorKind {
  /** The error's code, else its name. */
  readonly kind: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly example: ErrorExample;
}

/** The latest error of a kind. */
export interface ErrorExample {
  readonly message: string;
  readonly requestId?: string;
  /** Redacted. */
  readonly features?: Row;
  /** What of the row is unlike the reference, the most unlike first. */
  readonly unusual?: readonly UnusualFeature[];
}

/** A feature that is not like the reference's. */
export interface UnusualFeature {
  readonly name: string;
  /** Standard deviations from the reference's mean; Infinity for a category it does not know. */
  readonly deviations: number;
}

/** From so many standard deviations on a number is unusual. */
const UNUSUAL = 3;
const MOST_UNUSUAL = 5;

/** The features of a row that are unlike the reference's, the most unlike first, five at most. */
export function unusualFeatures(row: Row, profile: ReferenceProfile): UnusualFeature[] {
  const found = profile.features.map(({ name, numbers, categories }): UnusualFeature => {
    const value = row[name] ?? null;
    if (value === null) return { name, deviations: 0 };
    if (!numbers) {
      const isKnown = categories?.some(([category]) => category === String(value)) ?? true;
      return { name, deviations: isKnown ? 0 : Infinity };
    }
    const { mean, standardDeviation } = numbers;
    if (typeof value !== 'number') return { name, deviations: Infinity };
    const distance = Math.abs(value - mean);
    return { name, deviations: distance === 0 ? 0 : distance / standardDeviation };
  });
  return found
    .filter(({ deviations }) => deviations >= UNUSUAL)
    .sort((a, b) => b.deviations - a.deviations)
    .slice(0, MOST_UNUSUAL);
}

/** Kinds beyond these are counted together. */
const MOST_KINDS = 50;

/** What an error is counted as: its code, else its name. */
export function errorKind(error: unknown): string {
  if (!(error instanceof Error)) return 'other';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

/** Counts errors by their kind and keeps an example of each. */
export class ErrorKinds {
  readonly #kinds = new Map<string, ErrorKind>();

  /** The most frequent first. */
  get kinds(): ErrorKind[] {
    return [...this.#kinds.values()].sort((a, b) => b.count - a.count);
  }

  add(error: unknown, time: number, about: Omit<ErrorExample, 'message'> = {}): void {
    const name = errorKind(error);
    const isKnown = this.#kinds.has(name) || this.#kinds.size < MOST_KINDS;
    const kind = isKnown ? name : 'other';
    const before = this.#kinds.get(kind);
    const message = error instanceof Error ? error.message : String(error);
    this.#kinds.set(kind, {
      kind,
      count: (before?.count ?? 0) + 1,
      firstSeen: before?.firstSeen ?? time,
      lastSeen: time,
      example: { message, ...about },
    });
  }
}
