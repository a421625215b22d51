import { DEFAULT_PRIORITY, priorityOf } from '../models';

/** Milliseconds of the units of `grpc-timeout`. */
const units: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

const MOST_MS = 0x7fff_ffff;

/** Milliseconds of a `grpc-timeout`; undefined for what is none. */
export function grpcTimeout(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Math.min(Number(digits) * (units[unit] ?? 1), MOST_MS);
}

/** Milliseconds as digits; undefined for what is none. */
export const milliseconds = (text: string): number | undefined =>
  /^\d{1,15}$/.test(text) ? Math.min(Number(text), MOST_MS) : undefined;

/** The level that RFC 9218's `Priority: u=0` to `u=7` is; 0 is the most urgent. */
export function urgency(field: string | undefined): number {
  const [, level] = /(?:^|[,\s])u=([0-7])(?:$|[,;\s])/.exec(field ?? '') ?? [];
  return level === undefined ? DEFAULT_PRIORITY : priorityOf(Number(level) + 1);
}
