/** What requests can come to, as metrics and logs have it. New ones are put at the end: memory is counted in by their order. */
export const OUTCOMES = [
  'success',
  'malformed',
  'unauthenticated',
  'forbidden',
  'not_found',
  'method_not_allowed',
  'media_type',
  'too_large',
  'slow_client',
  'cancelled',
  'overloaded',
  'timeout',
  'run_failed',
  'unavailable',
  'unsupported',
  'internal',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

const positions = new Map(OUTCOMES.map((outcome, index) => [outcome, index]));

export const positionOf = (outcome: Outcome): number => positions.get(outcome) ?? 0;
