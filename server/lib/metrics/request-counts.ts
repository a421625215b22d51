import { OUTCOMES, PROTOCOLS, positionOf, type Outcome } from '../models';

/** What requests reach the server by. */
export const TRANSPORTS = ['http', 'grpc', 'management'] as const;

/** Their places in it. */
export const Transport = { http: 0, grpc: 1, management: 2 } as const;

const IN_FLIGHT = PROTOCOLS.length * OUTCOMES.length;
/** Doubles of a thread's row. */
const COLUMNS = IN_FLIGHT + TRANSPORTS.length;

/** Memory for the counts of so many threads. */
export const sharedRequestCounts = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer(threads * COLUMNS * Float64Array.BYTES_PER_ELEMENT);

/**
 * All requests of a server by protocol and outcome, those that came to no model too, in memory that threads
 * share: each writes its own row.
 */
export class RequestCounts {
  readonly memory: SharedArrayBuffer;
  readonly #all: Float64Array;
  readonly #own: Float64Array;

  constructor(memory: SharedArrayBuffer, thread: number) {
    this.memory = memory;
    this.#all = new Float64Array(memory);
    this.#own = this.#all.subarray(thread * COLUMNS, (thread + 1) * COLUMNS);
    // Those of a thread that ended, in whose place this one is.
    this.#own.fill(0, IN_FLIGHT);
  }

  begun(transport: number): void {
    this.#add(IN_FLIGHT + transport, 1);
  }

  ended(transport: number, protocol: number, outcome: Outcome): void {
    this.#add(IN_FLIGHT + transport, -1);
    this.#add(protocol * OUTCOMES.length + positionOf(outcome), 1);
  }

  /** One that was over before it was a request. */
  refused(protocol: number, outcome: Outcome): void {
    this.#add(protocol * OUTCOMES.length + positionOf(outcome), 1);
  }

  /** Of all threads. */
  count(protocol: number, outcome: Outcome): number {
    return this.#sum(protocol * OUTCOMES.length + positionOf(outcome));
  }

  inFlight(transport: number): number {
    return this.#sum(IN_FLIGHT + transport);
  }

  #add(column: number, value: number): void {
    this.#own[column] = (this.#own[column] ?? 0) + value;
  }

  #sum(column: number): number {
    let sum = 0;
    for (let at = column; at < this.#all.length; at += COLUMNS) sum += this.#all[at] ?? 0;
    return sum;
  }
}
