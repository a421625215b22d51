// Tools and schemas that checks of deploy/ need, fetched into build/ by Go and pip, each in one version.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from '../lib/errors.mjs';
import { sha256File, statOrNull } from '../lib/files.mjs';
import { findProgram, nestedEnvironment, pipCommand, run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';

const folder = at('build/deploy-tools');

const programs = {
  helm: { module: 'helm.sh/helm/v3/cmd/helm', version: 'v3.20.2' },
  kustomize: { module: 'sigs.k8s.io/kustomize/kustomize/v5', version: 'v5.7.1' },
};

/** Modules with the definitions of custom resources, and where in them these are. */
const definitions = {
  'serving.kserve.io': ['github.com/kserve/kserve@v0.15.2', 'config/crd/full'],
  'keda.sh': ['github.com/kedacore/keda/v2@v2.17.0', 'config/crd/bases'],
  'monitoring.coreos.com': [
    'github.com/prometheus-operator/prometheus-operator@v0.82.0',
    'example/prometheus-operator-crd',
  ],
};

async function go(args, env = {}) {
  const program = findProgram('go');
  if (program === null) throw new SetupError('there is no Go', 'install Go 1.24 or later');
  // Outside of any module.
  mkdirSync(folder, { recursive: true });
  return run(program, args, {
    cwd: folder,
    env: nestedEnvironment({ GOFLAGS: '-mod=mod', ...env }),
  });
}

/** A program written in Go, which is built the first time. @returns its path */
export async function goProgram(name) {
  const { module, version } = programs[name];
  const bin = join(folder, `${name}-${version}`);
  const file = join(bin, name);
  if (!statOrNull(file)) {
    console.log(`        building ${name} ${version}, which takes minutes the first time`);
    await go(['install', `${module}@${version}`], { GOBIN: bin });
  }
  return file;
}

/** The folder with the definitions of a group of custom resources. */
export async function definitionsOf(group) {
  const [module, path] = definitions[group];
  const { Dir } = JSON.parse(await go(['mod', 'download', '-json', module]));
  return join(Dir, path);
}

/** PyPI's kubernetes-validate, in an environment of its own. @returns its path */
export async function kubernetesValidate() {
  const requirements = at('scripts/deploy/requirements.txt');
  const place = join(folder, `python-${sha256File(requirements).slice(0, 12)}`);
  const mark = join(place, 'done');
  if (!statOrNull(mark)) {
    const pip = pipCommand();
    if (pip === null) throw new SetupError('there is no Python 3 with pip', 'install both');
    rmSync(place, { recursive: true, force: true });
    await run(pip[0], ['-m', 'venv', place], { cwd: folder });
    const python = join(place, 'bin/python');
    await run(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { cwd: folder });
    writeFileSync(mark, readFileSync(requirements));
  }
  return join(place, 'bin/kubernetes-validate');
}
