import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const latest = new WeakMap<Duplex, IncomingMessage>();
const statuses = new WeakMap<IncomingMessage, number>();

/** A connection has a request now. */
export function hasRequest(request: IncomingMessage): void {
  latest.set(request.socket, request);
}

/**
 * What comes by a connection is refused with a status.
 *
 * @returns whether that is the rest of a request that is known already, and is told of with it
 */
export function refuseRest(socket: Duplex, status: number): boolean {
  const request = latest.get(socket);
  if (request === undefined || request.complete) return false;
  statuses.set(request, status);
  return true;
}

/** The status that the rest of a request was refused with, which has ended it. */
export const refusedWith = (request: IncomingMessage): number | undefined => statuses.get(request);
