import { RequestError, failureOf } from '../wire/errors';
import { ProtobufError } from '../wire/protobuf/reader';
import { CallFailure, Status } from './status';

/** gRPC's codes for the statuses of HTTP that requests fail with. */
const codes: Readonly<Record<number, number>> = {
  400: Status.INVALID_ARGUMENT,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.NOT_FOUND,
  408: Status.DEADLINE_EXCEEDED,
  413: Status.RESOURCE_EXHAUSTED,
  429: Status.RESOURCE_EXHAUSTED,
  499: Status.CANCELLED,
  501: Status.UNIMPLEMENTED,
  503: Status.UNAVAILABLE,
  504: Status.DEADLINE_EXCEEDED,
};

/** The statuses of HTTP that stand for what calls fail with before a method's own code has them. */
const statuses: Readonly<Record<number, number>> = {
  [Status.CANCELLED]: 499,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.RESOURCE_EXHAUSTED]: 413,
  [Status.UNIMPLEMENTED]: 501,
  [Status.UNAVAILABLE]: 503,
};

/** What HTTP's status of it would be, as metrics and logs have it. What is no proper message is the client's fault. */
export function statusOfFailure(error: unknown): number {
  if (error instanceof CallFailure) return statuses[error.code] ?? 400;
  return error instanceof ProtobufError ? 400 : failureOf(error).status;
}

/** @param onError - told of what is no client's fault */
export function callFailure(error: unknown, onError: (error: unknown) => void): CallFailure {
  if (error instanceof CallFailure) return error;
  if (error instanceof ProtobufError) {
    return new CallFailure(Status.INTERNAL, `the request cannot be read: ${error.message}`);
  }
  const failure = failureOf(error);
  if (failure.internal !== undefined) onError(failure.internal);
  const { status, message, retryAfterMs } = failure;
  return new CallFailure(codes[status] ?? Status.INTERNAL, message, retryAfterMs);
}

/** A compressed message that cannot be unpacked, as gRPC has it: its own words for HTTP's. */
export function unpackFailure(error: unknown): unknown {
  if (!(error instanceof RequestError)) return error;
  const code = error.status === 413 ? Status.RESOURCE_EXHAUSTED : Status.INTERNAL;
  return new CallFailure(code, error.message);
}
