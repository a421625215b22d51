import type { Audit } from '../logs/audit';
import type { ServerLog } from '../logs/server-log';
import type { MetricsNames } from '../metrics';

/** What a server tells of what it does. */
export interface ObserveOptions {
  /** Where it is written what happens: a logger of pino, or what is called alike. Default nowhere. */
  readonly log?: ServerLog;
  /**
   * The share of requests that `log` has a line of, 0 to 1. Default 0; what ends with an internal error always
   * has one.
   */
  readonly accessLog?: number;
  /** Told of each call that would change what is served, before it is answered. Default nobody. */
  readonly audit?: Audit;
  /**
   * Whose names `/metrics` has: onlite's, which is the default, those of Triton, or both. Triton's are none
   * that `promtool check metrics` lets pass.
   */
  readonly metricsNames?: MetricsNames;
  /**
   * Whether the status page is at `/status` of the public port, too, and not of the management port alone. Default
   * false: it tells of all models, and why some could not be loaded, whom a server without `access` cannot refuse.
   */
  readonly statusPage?: boolean;
}

/** @throws RangeError naming the option that is wrong */
export function checkObserveOptions({
  accessLog = 0,
  metricsNames = 'onlite',
}: ObserveOptions): void {
  if (!(typeof accessLog === 'number' && accessLog >= 0 && accessLog <= 1)) {
    throw new RangeError(`options.accessLog: expected 0 to 1, got ${String(accessLog)}`);
  }
  if (!['onlite', 'triton', 'both'].includes(metricsNames)) {
    throw new RangeError(
      `options.metricsNames: expected onlite, triton or both, got '${metricsNames}'`,
    );
  }
}
