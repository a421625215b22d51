import type { Interval } from '../../watch/accuracy/interval';
import type { LiveQuality } from '../../watch/accuracy/live-quality';
import type { DriftReport } from '../../watch/drift/drift-monitor';
import type { UnusualFeature } from '../../watch/live/error-kinds';
import type { DocumentHead } from '../document';
import type { LoggedRow } from './read';

/** A version of the model in the logs. Times are milliseconds since 1970. */
export interface VersionHistory {
  readonly version: string;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly errors: number;
  /** Of its last labelled rows. */
  readonly quality?: LiveQuality;
}

export interface ErrorHistory {
  readonly kind: string;
  readonly count: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** The latest one. */
  readonly example: Pick<LoggedRow, 'requestId' | 'version' | 'features'>;
  /** What of the example is unlike the profile, the most unlike first. */
  readonly unusual?: readonly UnusualFeature[];
}

/** How right a version was in one span of time. */
export interface SpanQuality {
  readonly version: string;
  readonly rows: number;
  /** Of classes; else the mean absolute error. */
  readonly accuracy?: number;
  readonly meanAbsoluteError?: number;
  readonly interval: Interval;
}

export interface Span {
  /** Its beginning. */
  readonly time: number;
  readonly rows: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Not there without requests. */
  readonly latencyMs?: { readonly p50: number; readonly p90: number; readonly p99: number };
  readonly quality: readonly SpanQuality[];
  /** The stability index of each feature, and of the predictions; not there with too few rows. */
  readonly drift?: Readonly<Record<string, number>>;
}

/** What `onlite report --json` prints. */
export interface ReportDocument extends DocumentHead<'onlite-report'> {
  readonly files: readonly string[];
  readonly model: string;
  readonly from: number;
  readonly to: number;
  /** Each as many as its weight says, as are all rows and errors below. */
  readonly rows: number;
  /** Lines that are no rows. */
  readonly unread: number;
  readonly labelled: number;
  /** In the order in which they came. */
  readonly modelVersions: readonly VersionHistory[];
  /** The most frequent first. */
  readonly errors: readonly ErrorHistory[];
  /** Of the last rows against the profile. */
  readonly drift?: DriftReport;
  readonly spanMs: number;
  readonly spans: readonly Span[];
}
