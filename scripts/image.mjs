// Packs onlite for Linux and builds the container image with docker or podman:
//   node scripts/image.mjs [--tag onlite-server] [--platform linux-x64]
import { parseArgs } from 'node:util';

import { SetupError, reportFailure } from './lib/errors.mjs';
import { run } from './lib/native-tools.mjs';
import { findProgram } from './lib/process.mjs';
import { at, packageJson } from './lib/project.mjs';
import { makePackages } from './package.mjs';

/** What containers call the platforms that there are prebuilds for. */
const containerPlatforms = { 'linux-x64': 'linux/amd64', 'linux-arm64': 'linux/arm64' };

async function main() {
  const { version } = packageJson();
  const { values } = parseArgs({
    options: {
      tag: { type: 'string', default: `onlite-server:${version}` },
      platform: { type: 'string', default: `linux-${process.arch}` },
    },
  });
  const target = containerPlatforms[values.platform];
  if (target === undefined) {
    const known = Object.keys(containerPlatforms).join(', ');
    throw new SetupError(`no image is made for ${values.platform}`, `--platform ${known}`);
  }
  const builder = ['docker', 'podman'].find((name) => findProgram(name) !== null);
  if (builder === undefined) {
    throw new SetupError('an image is built by docker or podman', 'install one of them');
  }
  await makePackages([values.platform]);
  const args = ['build', '--platform', target, '--file', 'deploy/docker/Dockerfile'];
  run(builder, [...args, '--tag', values.tag, '.'], { cwd: at('.') });
  process.stdout.write(`image: ${values.tag}\n`);
}

main().catch((error) => reportFailure('image', error));
