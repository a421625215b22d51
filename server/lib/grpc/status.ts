/** gRPC's status codes. */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** How a call that failed ends. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly code: number;

  /** Milliseconds after which another attempt may be worth it. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Of a message that has been encoded: clients take 8 KiB of header fields in all. */
const MAX_MESSAGE_BYTES = 4096;

/** Half a letter, which cannot be encoded. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

const PLAIN = /^[ -$&-~]*$/;

/** A status' message as `grpc-message` has it: percent-encoded UTF-8, without what is too much of it. */
export function encodeMessage(message: string): string {
  if (message.length <= MAX_MESSAGE_BYTES && PLAIN.test(message)) return message;
  let encoded = '';
  for (const letter of message.replace(LONE_SURROGATE, '\ufffd')) {
    const next = PLAIN.test(letter) ? letter : encodeURIComponent(letter);
    if (encoded.length + next.length > MAX_MESSAGE_BYTES) return `${encoded}...`;
    encoded += next;
  }
  return encoded;
}
