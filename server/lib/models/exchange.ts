import type { Lease } from './lease';
import type { ServedModel } from './served-model';

/**
 * What is known of one request while it is answered: when it came, and which model it turned out to be about.
 * Times are those of `performance.now()`.
 */
export class Exchange {
  readonly startedAt = performance.now();
  /** When its body was there; 0 before. */
  readAt = 0;
  /** The version that it was found to be for. */
  model: ServedModel | undefined;
  /** What it runs the model with; the first one, where a shadow takes another. */
  lease: Lease | undefined;

  /** The client's name for it, if it has a proper one. */
  get givenId(): string | undefined {
    return undefined;
  }

  /** What a label will name it by: the client's name, or one that the client is told of; undefined if it is not. */
  nameIt(): string | undefined {
    return undefined;
  }
}

/** The handler of a request is called from now on, until {@link leaveExchange}. */
export function enterExchange(exchange: Exchange): void {
  exchange.readAt = performance.now();
  underWay = exchange;
}

/** What the handler does later is not seen. */
export function leaveExchange(): void {
  underWay = undefined;
}

let underWay: Exchange | undefined;

/**
 * The request whose handler is being called on this thread. Handlers find their model and lease its memory
 * before they wait for anything, because the request's body is there no longer; so this needs no argument
 * through all protocols, and no context that is carried over what is awaited.
 */
export const exchangeUnderWay = (): Exchange | undefined => underWay;
