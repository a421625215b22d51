import { createHash } from 'node:crypto';

import type { VersionPolicy } from './version-policy';

/** How far numbers may be apart: by no more than `absolute + relative × |expected|`. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/** What of a request its share of a canary is decided by. */
export type CanaryKey =
  | { readonly header: string; readonly parameter?: undefined }
  | { readonly parameter: string; readonly header?: undefined };

/** A version that answers a share of the requests which name no version. */
export interface Canary {
  readonly version: string;
  /** 0 to 100. */
  readonly percent: number;
  /** Requests of the same value have the same version; without it chance decides about each. */
  readonly key?: CanaryKey;
}

/** A version that a share of the requests is run on, too, for comparison. */
export interface Shadow {
  readonly version: string;
  /** 0 to 100. */
  readonly percent: number;
  readonly tolerance?: Tolerance;
}

/**
 * How the requests for a model are spread over its versions. Requests that name none have the pinned
 * version, or else the highest one that is neither disabled nor a canary or shadow.
 */
export interface Traffic {
  readonly pin?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly canary?: Canary;
  readonly shadow?: Shadow;
  /** Versions that are not served though they are there. */
  readonly disabled?: readonly string[];
  /** None of the model's versions is served. */
  readonly unloaded?: boolean;
  /** Which of the versions that are there are loaded besides those that are named here; all unless given. */
  readonly policy?: VersionPolicy;
}

export const NO_TRAFFIC: Traffic = {};

/** Whether one comes before another, as whole numbers. */
export const isHigher = (version: string, than: string): boolean =>
  version.length === than.length ? version > than : version.length > than.length;

/** Versions that are named, so that they are loaded whatever the policy is. */
export function namedVersions({ pin, labels = {}, canary, shadow }: Traffic): Set<string> {
  const named = [pin, canary?.version, shadow?.version, ...Object.values(labels)];
  return new Set(named.filter((version) => version !== undefined));
}

/** Whether requests that name no version can have this one because it is the highest. */
export const mayBeDefault = ({ disabled, canary, shadow }: Traffic, version: string): boolean =>
  disabled?.includes(version) !== true &&
  canary?.version !== version &&
  shadow?.version !== version;

/** Chances are of this many. */
const CHANCES = 2 ** 48;

/**
 * Where between 0 and 100 a key lies: the first six bytes of the SHA-256 of the model's name, a zero byte
 * and the key. So a key's place is the same in every thread, process and machine, other models have
 * others first, and a share that grows keeps those whom it had.
 */
export function placeOf(model: string, key: string): number {
  const digest = createHash('sha256').update(`${model}\0${key}`).digest();
  return (digest.readUIntBE(0, 6) / CHANCES) * 100;
}
