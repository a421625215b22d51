import type { Grant } from '../access';
import { newSpanId, readTraceparent, requestIdOf, type TraceContext } from '../logs/trace-context';
import { Exchange, type ProtocolName } from '../models';
import type { RequestSpan } from './tracing';

/** A call that changes what is served. */
export interface Change {
  readonly operation: string;
  readonly model: string | undefined;
  /** What was asked for, once it is known to have the form that it must have. */
  parameters?: object;
}

/** What a request is known by in traces. */
class Identity {
  readonly trace: TraceContext | undefined;
  readonly traceId: string | undefined;
  /** What those who are called on behalf of the request, and logs, know it by within its trace. */
  readonly spanId: string;
  readonly #request: ObservedRequest;

  constructor(request: ObservedRequest) {
    const { span } = request;
    this.#request = request;
    this.trace = readTraceparent(request.header('traceparent'));
    this.traceId = span?.traceId ?? this.trace?.traceId;
    this.spanId = span?.spanId ?? newSpanId();
  }

  get requestId(): string {
    return this.#request.requestId;
  }
}

/** A request, with all that metrics, logs and traces say of it. Most of it is found out when it is asked for. */
export abstract class ObservedRequest extends Exchange {
  /** By its place in `TRANSPORTS`. */
  readonly transport: number;
  protocol: ProtocolName;
  /** Who calls, once that is known. */
  grant: Grant | undefined;
  change: Change | undefined;
  span: RequestSpan | undefined;
  isOver = false;
  /** Its client is told what it is called. */
  isNamed = false;
  #identity: Identity | undefined;
  #requestId: string | undefined;

  constructor(transport: number, protocol: ProtocolName) {
    super();
    this.transport = transport;
    this.protocol = protocol;
  }

  abstract header(name: string): string | undefined;
  abstract readonly method: string;
  /** Without the query. */
  abstract readonly path: string;
  /** The path with names in place of what differs from request to request; the path's own where it has none. */
  abstract readonly route: string;
  /** The address and port that it comes from. */
  abstract readonly remote: string | undefined;

  /** The client's name for it, if it has a proper one. */
  override get givenId(): string | undefined {
    return requestIdOf(this.header('x-request-id'));
  }

  /** The client's name for it, or one that is made. */
  get requestId(): string {
    this.#requestId ??= this.givenId ?? crypto.randomUUID();
    return this.#requestId;
  }

  /** Made when it is asked for: most requests are never told of. */
  get identity(): Identity {
    this.#identity ??= new Identity(this);
    return this.#identity;
  }

  /** Where the client has not named it, the answer has the name that was made. */
  override nameIt(): string | undefined {
    this.isNamed = true;
    return this.requestId;
  }

  /** What of it is in each line of the log that is about it. */
  get context(): object {
    const { requestId, traceId, spanId } = this.identity;
    return { requestId, ...(traceId !== undefined && { traceId, spanId }) };
  }
}
