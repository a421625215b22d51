// Fetches the runtime libraries and models that runtimes.json pins, with the registries' own clients
// and the system's tar; only Python's wheels need a dependency (fflate).
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { reportFailure } from './lib/errors.mjs';
import { installSets } from './lib/install-sets.mjs';
import { readManifest } from './lib/manifest.mjs';

const HELP = `usage: node scripts/runtimes.mjs [options]

Puts the runtime libraries into runtimes/<platform>/ and the models into models/, pinned by
checksum. Does nothing, also without network, when everything is there.

  --peers           also onnxruntime-node, for the compatibility tests
  --ort-wheel       also the library of the Python package onnxruntime (Linux x64), for parity
  --verify          recompute the checksums of what is there
  --refresh         replace fallbacks by what Python's pip can fetch
  --archives DIR    take packages from this folder where it has them, else from the registries
  --root DIR        the package's folder (default: the one this script is in)
  --manifest FILE   another manifest
`;

const SCRIPTS = dirname(fileURLToPath(import.meta.url));

/** Installs what the options ask for; see HELP. Returns whether anything had to be fetched. */
export async function installRuntimes(options = {}) {
  const manifest = readManifest(options.manifest ?? join(SCRIPTS, 'runtimes.json'));
  const wanted = ['always'];
  if (options.peers) wanted.push('peers');
  if (options.ortWheel) wanted.push('ort-wheel');
  return installSets(manifest, {
    root: options.root ?? dirname(SCRIPTS),
    wanted,
    verify: options.verify,
    refresh: options.refresh,
    archivesFolder: options.archives,
    log: options.log ?? ((message) => process.stdout.write(`runtimes: ${message}\n`)),
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      peers: { type: 'boolean' },
      'ort-wheel': { type: 'boolean' },
      verify: { type: 'boolean' },
      refresh: { type: 'boolean' },
      archives: { type: 'string' },
      root: { type: 'string' },
      manifest: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { fetched } = await installRuntimes({
    ...values,
    ortWheel: values['ort-wheel'],
    root: values.root && resolve(values.root),
    manifest: values.manifest && resolve(values.manifest),
    archives: values.archives && resolve(values.archives),
  });
  if (values.verify && !fetched) process.stdout.write('runtimes: every checksum is right\n');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error) => reportFailure('runtimes', error));
}
