import type { Context, Span, TracerProvider } from '@opentelemetry/api';

import { readTraceparent } from '../logs/trace-context';
import { Transport } from '../metrics/request-counts';
import type { Outcome } from '../models';
import type { ObservedRequest } from './observed-request';

type Api = typeof import('@opentelemetry/api');

/** Where `@opentelemetry/api` of all its versions 1 keeps what was registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

const isRegistered = (): boolean =>
  (globalThis as Record<symbol, { trace?: TracerProvider } | undefined>)[REGISTERED]?.trace !==
  undefined;

let api: Api | undefined;

/** OpenTelemetry's interface, where the program has registered a provider with it; else it is not loaded. */
function registeredApi(): Api | undefined {
  if (!isRegistered()) return undefined;
  if (api !== undefined) return api;
  try {
    api = require('@opentelemetry/api') as Api;
  } catch {
    // The program has a copy of it that is out of reach from here.
  }
  return api;
}

/** A server's span of a request. */
export interface RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Calls a function whose spans become children of this one. */
  within<Result>(call: () => Result): Result;
  end(request: ObservedRequest, outcome: Outcome, status: number, error: unknown): void;
}

/**
 * Begins a span, as a child of the one that is active, or else of the caller's that `traceparent` names.
 *
 * @returns undefined where the program has registered no provider of spans
 */
export function beginSpan(request: ObservedRequest): RequestSpan | undefined {
  const used = registeredApi();
  if (used === undefined) return undefined;
  const parent = parentOf(used, request);
  const span = used.trace
    .getTracer('@onlite/server')
    .startSpan(
      `${request.method} ${request.route}`,
      { kind: used.SpanKind.SERVER, attributes: attributesOf(request) },
      parent,
    );
  const { traceId, spanId } = span.spanContext();
  const context = used.trace.setSpan(parent, span);
  return {
    traceId,
    spanId,
    within: (call) => used.context.with(context, call),
    end: (ended, outcome, status, error) => end(used, span, ended, { outcome, status, error }),
  };
}

function parentOf(used: Api, request: ObservedRequest): Context {
  const trace = readTraceparent(request.header('traceparent'));
  const active = used.context.active();
  if (trace === undefined || used.trace.getSpan(active) !== undefined) return active;
  const { traceId, parentId: spanId, flags } = trace;
  const traceFlags = parseInt(flags, 16) & used.TraceFlags.SAMPLED;
  return used.trace.setSpanContext(active, { traceId, spanId, traceFlags, isRemote: true });
}

/** By OpenTelemetry's semantic conventions for HTTP and for RPC. */
function attributesOf({ transport, method, path, route }: ObservedRequest): Record<string, string> {
  if (transport === Transport.grpc) {
    const [, service = '', name = ''] = path.split('/');
    return { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name };
  }
  return { 'http.request.method': method, 'url.path': path, 'http.route': route };
}

function end(
  used: Api,
  span: Span,
  request: ObservedRequest,
  { outcome, status, error }: { outcome: Outcome; status: number; error: unknown },
): void {
  const { model, protocol, transport } = request;
  span.setAttributes({
    'onlite.protocol': protocol,
    ...(model && { 'onlite.model': model.name, 'onlite.version': model.version }),
    ...(transport !== Transport.grpc && { 'http.response.status_code': status }),
  });
  if (outcome !== 'success') {
    span.setAttribute('error.type', outcome);
    // What a client did wrong is no error of the server's span.
    if (status >= 500) span.setStatus({ code: used.SpanStatusCode.ERROR });
    if (status >= 500 && error instanceof Error) span.recordException(error);
  }
  span.end();
}
