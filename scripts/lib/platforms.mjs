import { readFileSync } from 'node:fs';

import { glibcVersion } from './host.mjs';
import { at } from './project.mjs';

/**
 * The platforms that the addon is built for, by the name of their folder in prebuilds/: what
 * scripts/prebuild.mjs builds, scripts/package.mjs packs and the loader looks for.
 */
export const platforms = JSON.parse(readFileSync(at('scripts/platforms.json'), 'utf8'));

/** Where a platform's addon is, relative to the package. prebuildify calls it so, too. */
export const prebuildFile = (platform) => `prebuilds/${platform}/onlite.node`;

/** The platform that this process runs on. */
export function hostPlatform() {
  const { platform, arch } = process;
  const musl = platform === 'linux' && glibcVersion() === null;
  return `${platform}-${arch}${musl ? '.musl' : ''}`;
}
