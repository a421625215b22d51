import type { ServerConfig } from '../config';
import { UsageError } from './usage-error';

export const OBSERVE_HELP = `  --log-level LEVEL       debug, info (default), warn, error or silent
  --log-format FORMAT     json or text, on standard error; default text at a terminal and else json
  --access-log SHARE      log this share of requests, 0 (default) to 1
  --audit-log FILE        write there who has changed what; default the log. A file that was moved away is
                          begun anew
  --metrics-names NAMES   of /metrics: onlite (default), triton or both
  --status-page           show /status at the public port, too, and not only at the management port
`;

export const observeOptions = {
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  'access-log': { type: 'string' },
  'audit-log': { type: 'string' },
  'metrics-names': { type: 'string' },
  'status-page': { type: 'boolean' },
} as const;

type Values = {
  readonly [Name in keyof typeof observeOptions]?: string | boolean | undefined;
};

const CHOICES = {
  'log-level': ['debug', 'info', 'warn', 'error', 'silent'],
  'log-format': ['json', 'text'],
  'metrics-names': ['onlite', 'triton', 'both'],
} as const;

export type ObserveSettings = Pick<
  ServerConfig,
  'logLevel' | 'logFormat' | 'accessLog' | 'auditLog' | 'metricsNames' | 'statusPage'
>;

/** What is said of logs and metrics, and undefined for what is not. @throws UsageError */
export function readObserveOptions(values: Values): {
  readonly [Key in keyof ObserveSettings]: ObserveSettings[Key] | undefined;
} {
  const share = values['access-log'];
  if (share !== undefined && !(share !== '' && Number(share) >= 0 && Number(share) <= 1)) {
    throw new UsageError(`--access-log: expected a number from 0 to 1, got '${share}'`);
  }
  const audit = values['audit-log'];
  return {
    logLevel: choice(values, 'log-level'),
    logFormat: choice(values, 'log-format'),
    accessLog: share === undefined ? undefined : Number(share),
    auditLog: typeof audit === 'string' ? audit : undefined,
    metricsNames: choice(values, 'metrics-names'),
    statusPage: values['status-page'] === true ? true : undefined,
  };
}

function choice<Name extends keyof typeof CHOICES>(
  values: Values,
  name: Name,
): (typeof CHOICES)[Name][number] | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const choices: readonly string[] = CHOICES[name];
  if (typeof value === 'string' && choices.includes(value)) {
    return value as (typeof CHOICES)[Name][number];
  }
  throw new UsageError(`--${name}: expected ${choices.join(', ')}, got '${value}'`);
}
