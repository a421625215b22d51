import { status } from '@grpc/grpc-js';

import { failureOf } from '../wire/errors';
import { ProtobufError } from '../wire/protobuf/reader';

/** gRPC's codes for the statuses of HTTP that requests fail with. */
const codes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  413: status.RESOURCE_EXHAUSTED,
  429: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
};

/** A message is a header, of which clients take 8 KiB in all, percent-encoded. */
const MAX_CHARACTERS = 1000;

/** How a call that failed ends. */
export interface CallFailure {
  readonly code: status;
  readonly details: string;
}

/** @param onError - told of what is no client's fault */
export function callFailure(error: unknown, onError: (error: unknown) => void): CallFailure {
  if (error instanceof ProtobufError) return { code: status.INTERNAL, details: error.message };
  const failure = failureOf(error);
  if (failure.internal !== undefined) onError(failure.internal);
  const details = shortened(failure.message);
  return { code: codes[failure.status] ?? status.INTERNAL, details };
}

/** Cut where a character ends: half of one cannot be percent-encoded. */
function shortened(message: string): string {
  if (message.length <= MAX_CHARACTERS) return message;
  return `${message.slice(0, MAX_CHARACTERS).replace(/[\ud800-\udbff]$/, '')}…`;
}
