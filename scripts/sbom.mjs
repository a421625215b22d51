// Writes build/packages/sbom.json, what the published packages are made of (CycloneDX, JSON): npm's own
// list of what `onlite` depends on, the headers that are compiled into the addon, and the libraries
// of the runtime packages with their checksums.
import { reportFailure } from './lib/errors.mjs';
import { readJsonOrNull, writeFileAtomic } from './lib/files.mjs';
import { readManifest, selectSets } from './lib/manifest.mjs';
import { isLibrary, runtimePackage, runtimePlatforms } from './lib/pack.mjs';
import { npmCommand, run } from './lib/process.mjs';
import { at, packageJson, ROOT } from './lib/project.mjs';

const FILE = 'build/packages/sbom.json';

/** Headers only, so that no installer knows of them. */
const COMPILED_IN = ['node-addon-api', 'node-api-headers'];

const LICENCES = { 'ONNX Runtime': 'MIT', 'TensorFlow Lite': 'Apache-2.0' };

async function main() {
  const bill = await dependencies();
  const { name } = packageJson();
  // npm names it after the folder of the checkout.
  bill.metadata.component.name = name;
  const headers = COMPILED_IN.map(header);
  const runtimes = runtimePlatforms.map(runtime);
  bill.components.push(...headers, ...runtimes);
  const added = [...headers, ...runtimes].map((component) => component['bom-ref']);
  const own = bill.dependencies.find(({ ref }) => ref === bill.metadata.component['bom-ref']);
  own.dependsOn.push(...added);
  bill.dependencies.push(...added.map((ref) => ({ ref, dependsOn: [] })));
  writeFileAtomic(at(FILE), `${JSON.stringify(bill, null, 2)}\n`);
  process.stdout.write(`sbom: ${FILE}: ${bill.components.length} components\n`);
}

/** What npm installs with the package: peers are the program's own. */
async function dependencies() {
  const [npm, ...args] = npmCommand();
  args.push('sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--omit', 'peer');
  return JSON.parse(await run(npm, args, { cwd: ROOT }));
}

function header(name) {
  const { version, license } = readJsonOrNull(at('node_modules', name, 'package.json'));
  return {
    ...component(name, version, license),
    scope: 'required',
    purl: packageUrl({ registry: 'npm', package: name, version }),
  };
}

/** A platform's package, with the runtimes in it and their files. */
function runtime(platform) {
  const name = runtimePackage(platform);
  const { version } = packageJson();
  const manifest = readManifest(at('scripts/runtimes.json'));
  const sets = selectSets(manifest, platform, ['always']);
  return {
    ...component(name, version, 'MIT AND Apache-2.0'),
    scope: 'optional',
    purl: packageUrl({ registry: 'npm', package: name, version }),
    components: sets
      .filter((set) => set.platform === platform && set.choices)
      // The first choice is what is published; others are for set-up without Python.
      .map((set) => libraries(name, set, manifest.archives[set.choices[0].archive])),
  };
}

function libraries(owner, set, archive) {
  const { version, files } = set.choices[0];
  return {
    ...component(set.name, version, LICENCES[set.name], owner),
    purl: packageUrl(archive),
    components: files
      .filter(({ to }) => isLibrary(to))
      .map(({ to, sha256 }) => ({
        type: 'file',
        'bom-ref': to,
        name: to.slice(to.lastIndexOf('/') + 1),
        hashes: [{ alg: 'SHA-256', content: sha256 }],
      })),
  };
}

function component(name, version, licence, owner) {
  const ref = `${name}@${version}`;
  return {
    type: 'library',
    'bom-ref': owner === undefined ? ref : `${owner}/${ref}`,
    name,
    version,
    licenses: [/ AND /.test(licence) ? { expression: licence } : { license: { id: licence } }],
  };
}

/** https://github.com/package-url/purl-spec */
function packageUrl({ registry, package: name, version }) {
  return `pkg:${registry}/${name.replace('@', '%40')}@${version}`;
}

main().catch((error) => reportFailure('sbom', error));
