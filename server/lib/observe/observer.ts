import { UNWRITTEN, type Audit, type AuditEntry } from '../logs/audit';
import type { ServerLog } from '../logs/server-log';
import { TRANSPORTS, type RequestCounts } from '../metrics/request-counts';
import {
  enterExchange,
  indexOfProtocol,
  leaveExchange,
  type Outcome,
  type ProtocolName,
} from '../models';
import type { ObservedRequest } from './observed-request';
import { outcomeOf } from './outcome';
import { beginSpan, type RequestSpan } from './tracing';

/** What is told of requests. */
export interface ObserverSettings {
  readonly counts: RequestCounts;
  readonly log: ServerLog | undefined;
  /** The share of requests that is logged, 0 to 1; what ends with an error of the server is always. */
  readonly accessLog: number;
  readonly audit: Audit | undefined;
}

/** Sees every request from its beginning to its end, and tells metrics, logs, traces and the audit log of it. */
export class Observer {
  readonly #settings: ObserverSettings;

  constructor(settings: ObserverSettings) {
    this.#settings = settings;
  }

  begin<Request extends ObservedRequest>(request: Request): Request {
    this.#settings.counts.begun(request.transport);
    return request;
  }

  /**
   * The code that answers it is called next, within the span that is given if there is one, until `leave`. What
   * that finds and leases meanwhile is this request's.
   */
  enter(request: ObservedRequest): RequestSpan | undefined {
    enterExchange(request);
    return (request.span ??= beginSpan(request));
  }

  leave(): void {
    leaveExchange();
  }

  /** Its answer is written, or nobody waits for one. Only the first time counts. */
  end(request: ObservedRequest, status: number, error?: unknown): void {
    if (request.isOver) return;
    request.isOver = true;
    const outcome = outcomeOf(status, error);
    const protocol = indexOfProtocol(request.protocol);
    this.#settings.counts.ended(request.transport, protocol, outcome);
    const { lease } = request;
    if (outcome === 'success') {
      if (lease !== undefined) this.#answered(request, protocol);
    } else (lease?.model ?? request.model)?.statistics.answered(outcome);
    if (request.change !== undefined) this.#audit(request, status, outcome, error);
    request.span?.end(request, outcome, status, error);
    this.#log(request, status, outcome, error);
  }

  /** What was over before it was a request. */
  refused(protocol: ProtocolName, status: number): void {
    this.#settings.counts.refused(indexOfProtocol(protocol), outcomeOf(status));
  }

  #answered({ startedAt, readAt, lease }: ObservedRequest, protocol: number): void {
    if (lease === undefined) return;
    const { askedAt, ranFrom, ranUntil, model } = lease;
    const { statistics } = model;
    statistics.answered('success');
    const times = [startedAt, readAt, askedAt, ranFrom, ranUntil, performance.now()] as const;
    statistics.latency.record(protocol, ...times);
  }

  #log(request: ObservedRequest, status: number, outcome: Outcome, error: unknown): void {
    const { log, accessLog } = this.#settings;
    if (log === undefined) return;
    const isOurs = outcome === 'internal';
    if (!isOurs && (accessLog === 0 || Math.random() >= accessLog)) return;
    const { transport, protocol, method, path, remote, grant, model, lease, startedAt } = request;
    const ms = (value: number): number => Math.round(value * 1000) / 1000;
    const fields = {
      ...request.context,
      transport: TRANSPORTS[transport],
      protocol,
      method,
      path,
      status,
      outcome,
      durationMs: ms(performance.now() - startedAt),
      ...(lease !== undefined &&
        lease.ranUntil > 0 && {
          queueMs: ms(lease.ranFrom - lease.askedAt),
          runMs: ms(lease.ranUntil - lease.ranFrom),
        }),
      ...(model && { model: model.name, version: model.version }),
      ...(grant && { who: grant.id }),
      ...(remote !== undefined && { remote }),
      // With its stack it is told by `onError`.
      ...(isOurs && { error: error instanceof Error ? error.message : String(error) }),
    };
    if (isOurs) log.error(fields, 'request failed');
    else log.info(fields, 'request');
  }

  #audit(request: ObservedRequest, status: number, outcome: Outcome, error: unknown): void {
    const { change, grant, transport, remote } = request;
    const { audit } = this.#settings;
    if (change === undefined || audit === undefined) return;
    // Who looks at what is served, and may, leaves nothing to answer for.
    if (change.operation === 'read' && outcome === 'success') return;
    const forwardedFor = request.header('x-forwarded-for')?.slice(0, 200);
    const entry: AuditEntry = {
      time: new Date().toISOString(),
      who: grant === undefined ? null : { id: grant.id, by: grant.by },
      operation: change.operation,
      model: change.model ?? null,
      ...(change.parameters && { parameters: change.parameters }),
      outcome,
      status,
      // What is internal is told nobody, and is in the log.
      ...(error instanceof Error && outcome !== 'internal' && { error: error.message }),
      from: remote ?? null,
      ...(forwardedFor !== undefined && { forwardedFor }),
      via: TRANSPORTS[transport] ?? 'process',
      ...request.context,
    };
    try {
      audit(entry);
    } catch (failure) {
      this.#settings.log?.error({ err: failure, audit: entry }, UNWRITTEN);
    }
  }
}
