import { createHmac, randomBytes } from 'node:crypto';

import { invalidArgument } from '../../errors';
import type { FeatureValue, Row } from '../rows/row';

/**
 * What becomes of a feature before it is written: `drop` leaves it out, `hash` writes a keyed digest
 * by which equal values can be told but not read, `round` keeps two significant digits of numbers.
 */
export type Redaction = 'drop' | 'hash' | 'round';

export interface RedactionOptions {
  /** By the feature's name; `*` is for all others. */
  readonly rules?: Readonly<Record<string, Redaction>>;
  /** The digests' key, so that they can be compared between files. Default: one drawn at random. */
  readonly key?: string | Uint8Array;
}

const kinds: readonly Redaction[] = ['drop', 'hash', 'round'];

/** Makes rows into what may be written of them. */
export class Redactor {
  readonly #rules: ReadonlyMap<string, Redaction>;
  readonly #others: Redaction | undefined;
  readonly #key: string | Uint8Array;

  constructor(options: RedactionOptions = {}) {
    const { rules = {}, key = randomBytes(32) } = options;
    for (const [name, rule] of Object.entries(rules)) {
      if (!kinds.includes(rule))
        throw invalidArgument(`log.redact.rules.${name}`, kinds.join(', '), rule);
    }
    this.#rules = new Map(Object.entries(rules).filter(([name]) => name !== '*'));
    this.#others = rules['*'];
    const isKey = typeof key === 'string' || key instanceof Uint8Array;
    if (!isKey || key.length === 0) throw invalidArgument('log.redact.key', 'bytes or a text', key);
    this.#key = key;
  }

  row(row: Row): Row {
    if (this.#isEmpty) return row;
    const kept = Object.entries(row).filter(([name]) => this.writes(name));
    return Object.fromEntries(kept.map(([name, value]) => [name, this.value(name, value)]));
  }

  /** Whether anything is written of a feature. */
  writes(name: string): boolean {
    return this.#ruleOf(name) !== 'drop';
  }

  /** What is written of a feature of which something is. */
  value(name: string, value: FeatureValue): FeatureValue {
    if (this.#isEmpty) return value;
    const rule = this.#ruleOf(name);
    return rule === undefined ? value : this.#redacted(value, rule);
  }

  get #isEmpty(): boolean {
    return this.#rules.size === 0 && this.#others === undefined;
  }

  #ruleOf(name: string): Redaction | undefined {
    return this.#rules.get(name) ?? this.#others;
  }

  #redacted(value: FeatureValue, rule: Redaction): FeatureValue {
    if (value === null) return null;
    if (rule === 'round' && typeof value === 'number') return Number(value.toPrecision(2));
    const digest = createHmac('sha256', this.#key)
      .update(`${typeof value}:${value}`)
      .digest('hex');
    return digest.slice(0, 16);
  }
}
