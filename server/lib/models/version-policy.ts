import { isHigher, mayBeDefault, namedVersions, type Traffic } from './traffic';

/** Which of a model's versions are served: the highest so many, all, or these. */
export type VersionPolicy = { readonly latest: number } | 'all' | readonly string[];

/**
 * Which of the versions that are there are to be loaded: those of the policy, and those that are named as
 * the pinned one, by a label, as the canary or the shadow. While one is pinned, the highest
 * ones need not be there.
 */
export function wantedVersions(
  versions: readonly string[],
  policy: VersionPolicy,
  traffic: Traffic,
): Set<string> {
  if (traffic.unloaded === true) return new Set();
  const enabled = versions.filter((version) => traffic.disabled?.includes(version) !== true);
  const named = namedVersions(traffic);
  const wanted = new Set(enabled.filter((version) => named.has(version)));
  for (const version of byPolicy(enabled, policy, traffic)) wanted.add(version);
  return wanted;
}

function byPolicy(
  enabled: readonly string[],
  policy: VersionPolicy,
  traffic: Traffic,
): readonly string[] {
  if (policy === 'all') return enabled;
  if (!('latest' in policy)) return enabled.filter((version) => policy.includes(version));
  if (traffic.pin !== undefined && enabled.includes(traffic.pin)) return [];
  return enabled
    .filter((version) => mayBeDefault(traffic, version))
    .sort((a, b) => (isHigher(a, b) ? -1 : 1))
    .slice(0, policy.latest);
}
