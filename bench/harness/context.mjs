import { spread } from 'onlite/bench';

import { figures } from './figures.mjs';
import { Moot, Skip } from './skip.mjs';

/** How long everything takes: per side of an interleaved case, `repetitions` slices of `sliceMs`. */
const paces = {
  full: { warmUpMs: 1000, sliceMs: 500, repetitions: 20, processes: 20 },
  quick: { warmUpMs: 200, sliceMs: 100, repetitions: 7, processes: 7 },
};

/** What the command line has in the pace's place. At least 6: fewer have no 95 % interval of the median. */
function repetitionsOf({ repetitions }) {
  if (repetitions === undefined) return {};
  const number = Number(repetitions);
  if (Number.isInteger(number) && number >= 6) return { repetitions: number };
  throw new Error(`--repetitions: expected a number of at least 6, got ${repetitions}`);
}

/**
 * What a suite is given: the pace, and where its rows go. A row is
 *
 * - `name`, unique in its suite; `figure`, the line of the acceptance table that it decides
 * - `value`, with `interval`, `min` and `max` over the repetitions; `unit`: ratio, ns, MB, dB,
 *   percent, count, runs/s
 * - `target`: {atMost} or {atLeast}; `met` is worked out, or `undecided` where the target is within
 *   the median's interval or the row is `noisy`
 * - `details`: what was measured, for the JSON
 * - or `skipped`: why there is no value
 */
export class Context {
  #suite;
  #progress;
  #onRow;

  constructor({ suite, pace, progress, onRow, options }) {
    this.#suite = suite;
    this.#progress = progress;
    this.#onRow = onRow;
    this.pace = { ...paces[pace], ...repetitionsOf(options) };
    this.isQuick = pace === 'quick';
    /** The runner's command line: `only`, a part of the cases' names; `python`, see the peers. */
    this.options = options;
  }

  progress(text) {
    this.#progress.show(`${this.#suite}: ${text}`);
  }

  /**
   * Measures one case. `measure` gives {value, min, max, details} or throws; a Skip becomes a
   * skipped row (a Moot one without a target), another error a failed one, and the other cases go on.
   */
  async case({ name, unit, target, figure }, measure) {
    if (this.options.only !== undefined && !name.includes(this.options.only)) return undefined;
    if (figure !== undefined && !figures.includes(figure)) {
      throw new Error(`${name}: no figure is called ${figure}`);
    }
    this.progress(name);
    const row = { suite: this.#suite, name, unit, target, figure };
    try {
      const { value, min = value, max = value, ...rest } = await measure();
      Object.assign(row, { value, min, max, ...rest });
      // What the machine's other work decided is no verdict, in either direction.
      const [low, high] = rest.interval ?? [value, value];
      row.undecided =
        target !== undefined && (rest.noisy === true || isMet(low, target) !== isMet(high, target));
      if (target && !row.undecided) row.met = isMet(value, target);
    } catch (error) {
      if (error instanceof Skip) row.skipped = error.message;
      else row.failed = error.stack ?? String(error);
      if (error instanceof Moot) row.target = undefined;
    }
    this.#onRow(row);
    return row;
  }

  /** For `interleave`: the repetitions, shown as they are made. */
  repetitions(name) {
    return {
      repetitions: this.pace.repetitions,
      onRepetition: (done, all) => this.progress(`${name} ${done}/${all}`),
    };
  }
}

/** A row's fields from the spread of some repetitions' values. */
export function fromSpread({ median, interval, min, max }, details) {
  return { value: median, interval, min, max, details };
}

/**
 * A row's fields from what `interleave` gave.
 *
 * @param key - 'ratio' or 'difference'
 * @param sides - the names of subject and baseline in the details
 * @param sideUnit - what was compared: 'ns' or 'runs/s'
 */
export function fromInterleaved(
  result,
  { key = 'ratio', sides = ['node', 'raw'], sideUnit = 'ns', ...details } = {},
) {
  const [subject, baseline] = sides;
  const { noisy, attempts, slices } = result;
  return {
    ...fromSpread(result[key], {
      ...details,
      sideUnit,
      [subject]: result.subject,
      [baseline]: result.baseline,
      attempts,
      slices,
    }),
    noisy,
  };
}

/** A row's fields from the repetitions' values; there must be some. */
export function fromValues(values, details) {
  if (values.length === 0) throw new Skip('nothing was measured');
  return fromSpread(spread(values), details);
}

const isMet = (value, { atMost, atLeast }) =>
  atMost === undefined ? value >= atLeast : value <= atMost;
