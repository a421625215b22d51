import { randomBytes } from 'node:crypto';

/** Where in a trace a request is (W3C Trace Context). */
export interface TraceContext {
  readonly traceId: string;
  /** Of the caller. */
  readonly parentId: string;
  /** Two hexadecimal digits; the lowest bit: the caller has recorded it. */
  readonly flags: string;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** What a `traceparent` says; undefined for one that is none, which is as if there were none. */
export function readTraceparent(header: string | undefined): TraceContext | undefined {
  if (header?.length === undefined || header.length < 55) return undefined;
  const [, version, traceId, parentId, flags, more] = TRACEPARENT.exec(header) ?? [];
  if (traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, parentId, flags };
}

/** As a caller sends it. */
export const printTraceparent = ({ traceId, flags }: TraceContext, spanId: string): string =>
  `00-${traceId}-${spanId}-${flags}`;

export const newSpanId = (): string => randomBytes(8).toString('hex');

/** A name for a request, of a client's own choice if it has a proper one. */
export const requestIdOf = (header: string | undefined): string | undefined =>
  header !== undefined && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
