// All that a round knows: the sessions, bindings and pools there are, and what must become of
// the runs in flight.
import { setImmediate as turn } from 'node:timers/promises';

import { OnliteError, TensorPool } from 'onlite';

import { difference, freezeAll } from './values.mjs';

export { turn };

const mebibyte = 2 ** 20;
const sessionSlots = 5;
const bindingSlots = 6;

export class World {
  /** The step under way; its operation takes its random numbers from the seed and this. */
  step = 0;
  operation = 'start';
  checks = 0;
  counts = {};
  /** What went wrong first. */
  failure;
  sessions = Array.from({ length: sessionSlots });
  bindings = Array.from({ length: bindingSlots });
  pending = new Set();
  /** Every pool that there was. */
  allPools = [];
  #models;
  #injected;
  #lastId = 0;

  /**
   * @param models - with their references, see reference.mjs
   * @param inject - `{kind, step}`: a fault to make from that step on, for the fuzzer's own test
   * @param trace - told what is done
   */
  constructor({ engine, seed, models, inject, trace }) {
    this.engine = engine;
    this.seed = seed;
    this.#models = models;
    this.#injected = inject;
    this.trace = trace;
    this.pools = {
      pooled: this.makePool({ maxBytes: 64 * mebibyte }),
      sharedPooled: this.makePool({ maxBytes: 64 * mebibyte, shared: true }),
      zeroed: this.makePool({ zero: true }),
      tiny: this.makePool({ maxBytes: 256 }),
    };
  }

  /** To tell sessions and bindings apart. */
  nextId() {
    return ++this.#lastId;
  }

  get models() {
    return this.#models;
  }

  makePool(options) {
    const pool = new TensorPool(options);
    this.allPools.push(pool);
    return pool;
  }

  /** Whether a pool was disposed. */
  isClosed(pool) {
    return !Object.values(this.pools).includes(pool);
  }

  /** @param details - for those who read the steps; not counted by */
  count(what, ...details) {
    this.trace?.(`${what} ${details.join(' ')}`);
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  fail(message, step = this.step, operation = this.operation) {
    this.failure ??= { step, operation, message };
  }

  check(isRight, message) {
    this.checks++;
    if (!isRight) throw new Failure(message);
  }

  /** Whether the fault of the fuzzer's own test is due; once. */
  injects(kind) {
    if (this.#injected?.kind !== kind || this.step < this.#injected.step) return false;
    this.#injected = undefined;
    return true;
  }

  /** Compares a run's outputs with what was expected of it. */
  compare(outputs, expected, close) {
    const frozen = freezeAll(outputs);
    for (const [name, wanted] of Object.entries(expected)) {
      const got = frozen[name];
      if (got?.bytes?.length > 0 && this.injects('result')) got.bytes[0] ^= 0x40;
      const problem = difference(`outputs.${name}`, got, wanted, close);
      this.check(problem === undefined, problem);
    }
    const [a, b] = [frozen, expected].map((record) => Object.keys(record).sort().join());
    this.check(a === b, `outputs: got ${a}, expected ${b}`);
  }

  /** Whether an error is ours, of one of the codes that the state of things allows. */
  checkError(error, allowed) {
    this.check(error instanceof OnliteError, `no OnliteError: ${error?.stack ?? error}`);
    if (allowed.has(error.code)) {
      this.count(`error ${error.code}`);
      return;
    }
    const cause = error.cause === undefined ? '' : `; cause: ${error.cause}`;
    const codes = allowed.size === 0 ? 'no error' : [...allowed].join(' or ');
    throw new Failure(`${error.code} (${error.message}${cause}), expected ${codes}`);
  }

  /**
   * Follows a promise to its end.
   *
   * @param settled - given `{value}` or `{error}`; throws if that is wrong
   */
  watch(what, promise, settled) {
    const { step, operation } = this;
    const entry = { what, step, since: Date.now() };
    this.pending.add(entry);
    const settle = (outcome) => {
      this.pending.delete(entry);
      try {
        settled(outcome);
      } catch (error) {
        this.fail(`${what}: ${describe(error)}`, step, operation);
      }
    };
    if (this.injects('promise')) {
      promise.catch(() => undefined);
      return;
    }
    promise.then(
      (value) => settle({ value }),
      (error) => settle({ error }),
    );
  }

  /** Until no more than so many promises wait. */
  async drain(limit = 0) {
    while (this.pending.size > limit && this.failure === undefined) await turn();
  }

  /** Until nothing is in flight, natively too. Afterwards nothing may be busy. */
  async settle() {
    await this.drain();
    for (const record of this.sessions) {
      // After the runs that were asked for before, the abandoned ones too.
      if (record !== undefined && !record.isReleased) await record.session.resetVariables();
      if (record !== undefined) record.settled();
    }
    for (const bound of this.bindings) bound?.settled();
  }

  /** A session that there is, released ones among them; undefined if the slot is empty. */
  pickSession(random) {
    return this.sessions[random.below(this.sessions.length)];
  }
}

/** Something that the fuzzer found; anything else that is thrown is a fault as well. */
export class Failure extends Error {}

export function describe(error) {
  return error instanceof Failure ? error.message : String(error?.stack ?? error);
}

/** A session and what is known of it. */
export class SessionRecord {
  /** For messages; set by whoever puts it into its place. */
  id = '';
  isReleased = false;
  /** Asynchronous calls that have not settled. */
  pending = 0;
  /** The runs among them. */
  runs = new Set();
  /** Runs that were abandoned since the session was last known to be idle. */
  abandoned = 0;
  started = 0;
  succeeded = 0;

  constructor(model, reference, options, session) {
    this.model = model;
    this.reference = reference;
    this.options = options;
    this.session = session;
    this.state = model.stateful?.initial();
    this.batched = options.batching !== undefined;
  }

  /** What a case gives here; undefined where nobody can know. */
  expect(index) {
    const { stateful, cases } = this.model;
    if (stateful === undefined) return this.reference.outcomes[index];
    const { signature, inputs } = cases[index];
    if (this.state === undefined) return undefined;
    const feeds = inputs.map(({ bytes }) => new Float32Array(bytes.slice().buffer));
    const { output } = stateful.apply(this.state, feeds, signature);
    const bytes = new Uint8Array(Float32Array.from(output).buffer);
    const [name] = this.outputNames(signature);
    return { values: { [name]: { type: 'float32', dims: [output.length], bytes } } };
  }

  /** A run of a case was asked for, in its order. */
  advance(index) {
    const { stateful, cases } = this.model;
    if (stateful === undefined || this.state === undefined) return;
    const { signature, inputs } = cases[index];
    const feeds = inputs.map(({ bytes }) => new Float32Array(bytes.slice().buffer));
    this.state = stateful.apply(this.state, feeds, signature).state;
  }

  outputNames(signature) {
    if (signature === undefined) return this.session.outputNames;
    return this.session.signatures[signature].outputs.map(({ name }) => name);
  }

  /** Whether a run may be in flight natively. */
  get mayBeBusy() {
    return this.pending > 0 || this.abandoned > 0;
  }

  settled() {
    this.abandoned = 0;
    this.state = this.model.stateful?.initial();
  }
}
