import type { Outcome } from '../models';

/** A call that would change what is served: a line of the audit log. */
export interface AuditEntry {
  /** ISO 8601. */
  readonly time: string;
  /** The name of the key, or the token's subject; null where nobody has said who calls. */
  readonly who: { readonly id: string; readonly by: 'key' | 'token' | 'signal' } | null;
  /** Such as `pin`, `reload` or `load`. */
  readonly operation: string;
  readonly model: string | null;
  /** What was asked for beside these, where it has the form that it must have. */
  readonly parameters?: object;
  readonly outcome: Outcome;
  /** Of HTTP, or what would be that over gRPC. */
  readonly status: number;
  /** What the caller was told. */
  readonly error?: string;
  /** The address and port that the call came from, and by what. */
  readonly from: string | null;
  /** What proxies say of where it came from before; whoever calls may write anything here. */
  readonly forwardedFor?: string;
  readonly via: 'http' | 'grpc' | 'management' | 'process';
  readonly requestId?: string;
  readonly traceId?: string;
}

/** Takes an entry before the call is answered. It may throw, which is logged. */
export type Audit = (entry: AuditEntry) => void;

/** What the log says of an entry that could not be taken. */
export const UNWRITTEN = 'the audit log cannot be written';
